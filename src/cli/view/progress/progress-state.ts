/** What the events so far add up to. Every view folds them the same way; only the showing differs. */
import type {
  CommitId,
  EnvironmentName,
  OutcomeKind,
  PlannedService,
  PlannedStep,
  Progress,
  Reason,
  RefName,
  ServiceName,
  StageProgress,
  StepKind,
  StepOutcome,
} from '../../../model/index.ts'

export type StepState = {
  id: string
  kind: StepKind | null
  environment: EnvironmentName | null
  /** Of a way back: it undoes what failed. */
  isWayBack: boolean
  /** The engine's words for it; null before it starts. */
  title: string | null
  status: 'pending' | 'running' | StepOutcome
  startedAtMs: number | null
  durationMs: number | null
  detail: string | null
  reasons: Reason[]
  /** The last lines of its output, at most `tailLength`. */
  tail: string[]
  instances: { ready: number; desired: number; old: number; stage?: StageProgress } | null
  /** An errored attempt that is about to be repeated. */
  retry: { attempt: number; untilMs: number; message: string } | null
}

export type ServiceState = PlannedService & { sizeBytes: number | null }

export type EnvironmentProgress = {
  name: EnvironmentName
  /** Why it is on the way. */
  routed: Reason[]
  /** What is, or was, to be deployed. */
  version: string | null
  /** Where the way back leads, once there is one. */
  back: string | null
  /** In the order of the plan. */
  steps: string[]
  startedAtMs: number | null
  endedAtMs: number | null
  outcome: OutcomeKind | null
  reasons: Reason[]
}

export type ProgressState = {
  startedAtMs: number
  commit: CommitId | null
  ref: RefName | null
  services: Map<ServiceName, ServiceState>
  environments: Map<EnvironmentName, EnvironmentProgress>
  steps: Map<string, StepState>
  /** Steps that failed and had to give their id to a step of the way back. */
  failures: StepState[]
  /** The latest remarks, oldest first. */
  notes: string[]
}

const tailLength = 40
const keptNotes = 3

export const startProgress = (nowMs: number): ProgressState => ({
  startedAtMs: nowMs,
  commit: null,
  ref: null,
  services: new Map(),
  environments: new Map(),
  steps: new Map(),
  failures: [],
  notes: [],
})

/** Folds one event in. Unknown steps and environments are added as they appear: a view never refuses an event. */
export function applyProgress(state: ProgressState, event: Progress, nowMs: number): void {
  switch (event.kind) {
    case 'routed':
      state.commit = event.commit
      state.ref = event.ref
      for (const { name, reasons } of event.environments) environmentOf(state, name).routed = reasons
      return
    case 'release-planned':
      state.commit = event.commit
      for (const service of event.services) state.services.set(service.name, { ...service, sizeBytes: null })
      for (const step of event.steps) expectStep(state, step, null)
      return
    case 'deployment-planned': {
      const environment = environmentOf(state, event.environment)
      const isWayBack = event.direction === 'back'
      environment.back = isWayBack ? event.version : null
      if (!isWayBack || environment.version === null) environment.version = event.version
      environment.startedAtMs ??= nowMs
      keepFailures(state, environment.steps)
      environment.steps = event.steps.map((step) => step.id)
      for (const step of event.steps) Object.assign(expectStep(state, step, event.environment), { isWayBack })
      return
    }
    case 'step-started': {
      const step = stepOf(state, event.step, event.environment)
      Object.assign(step, {
        title: event.title,
        status: 'running',
        startedAtMs: step.startedAtMs ?? nowMs,
        retry: null,
      })
      return
    }
    case 'step-log': {
      const { tail } = stepOf(state, event.step, null)
      tail.push(event.line)
      // Cut in pieces: shifting at every line of a million costs more than all the rest.
      if (tail.length > 10 * tailLength) tail.splice(0, tail.length - tailLength)
      return
    }
    case 'instances': {
      const { ready, desired, old, stage } = event
      const instances = { ready, desired, old, ...(stage === undefined ? {} : { stage }) }
      stepOf(state, event.step, event.environment).instances = instances
      return
    }
    case 'step-ended': {
      const step = stepOf(state, event.step, event.environment)
      const { outcome, durationMs, detail = null, reasons = [], logTail } = event
      const hasEndedBadly = isBad(outcome)
      const tail = hasEndedBadly ? (logTail ?? step.tail).slice(-tailLength) : []
      Object.assign(step, { status: outcome, durationMs, detail, reasons, tail, retry: null })
      return
    }
    case 'built': {
      const service = state.services.get(event.service)
      if (service !== undefined) Object.assign(service, { artifact: event.artifact, sizeBytes: event.sizeBytes })
      return
    }
    case 'retrying': {
      const { attempt, delayMs, message } = event
      stepOf(state, event.step, null).retry = { attempt, untilMs: nowMs + delayMs, message }
      return
    }
    case 'environment-ended': {
      const environment = environmentOf(state, event.environment)
      Object.assign(environment, { outcome: event.outcome, reasons: event.reasons, endedAtMs: nowMs })
      return
    }
    case 'note':
      state.notes = [...state.notes, event.message].slice(-keptNotes)
  }
}

function environmentOf(state: ProgressState, name: EnvironmentName): EnvironmentProgress {
  const known = state.environments.get(name)
  if (known !== undefined) return known
  const added: EnvironmentProgress = {
    name,
    routed: [],
    version: null,
    back: null,
    steps: [],
    startedAtMs: null,
    endedAtMs: null,
    outcome: null,
    reasons: [],
  }
  state.environments.set(name, added)
  return added
}

/** A new plan of an environment takes the place of the one before: what failed stays known, the rest begins anew. */
function keepFailures(state: ProgressState, replaced: readonly string[]): void {
  for (const id of replaced) {
    const step = state.steps.get(id)
    if (step !== undefined && isBad(step.status)) state.failures.push(step)
    state.steps.delete(id)
  }
}

/** A step the plan names. */
function expectStep(state: ProgressState, planned: PlannedStep, environment: EnvironmentName | null): StepState {
  const step = stepOf(state, planned.id, environment)
  step.kind = planned.kind
  return step
}

function stepOf(state: ProgressState, id: string, environment: EnvironmentName | null): StepState {
  const known = state.steps.get(id)
  if (known !== undefined) {
    known.environment ??= environment
    return known
  }
  const added: StepState = {
    id,
    kind: null,
    environment,
    isWayBack: false,
    title: null,
    status: 'pending',
    startedAtMs: null,
    durationMs: null,
    detail: null,
    reasons: [],
    tail: [],
    instances: null,
    retry: null,
  }
  state.steps.set(id, added)
  if (environment !== null) {
    const { steps } = environmentOf(state, environment)
    if (!steps.includes(id)) steps.push(id)
  }
  return added
}

/** `10 %, verifying`: which share of new requests the new set has got to, and what is going on there. */
export const stageText = ({ weight, phase }: StageProgress): string =>
  phase === 'moving' ? `${weight} %` : `${weight} %, ${phase}`

export type StepName = {
  /** `check`, `build`, `hook`, `rollout`, … as the id says. */
  verb: string
  /** What it is about: a service, a hook, a verification. */
  subject: string
  /** The name of the check, where it is one. */
  part: string | null
}

/** `stage/rollout:carts` → rollout of carts; `check:carts/test` → check of carts, its part test; `stage/hook:before/migrate` → hook migrate. */
export function nameOfStep(id: string): StepName {
  const colon = id.indexOf(':')
  if (colon < 0) return { verb: id.slice(id.lastIndexOf('/') + 1), subject: '', part: null }
  const verb = id.slice(id.lastIndexOf('/', colon) + 1, colon)
  const rest = id.slice(colon + 1)
  if (verb === 'hook') return { verb, subject: rest.replace(/^(?:before|after|rollback)\//, ''), part: null }
  const slash = verb === 'check' ? rest.indexOf('/') : -1
  if (slash < 0) return { verb, subject: rest, part: null }
  return { verb, subject: rest.slice(0, slash), part: rest.slice(slash + 1) }
}

/** Check and build steps of one service, checks first as they appear. */
export const stepsOfService = (state: ProgressState, service: ServiceName): StepState[] =>
  [...state.steps.values()].filter((step) => {
    if (step.environment !== null) return false
    const { verb, subject } = nameOfStep(step.id)
    return (verb === 'check' || verb === 'build') && subject === service
  })

export const isBad = (status: StepState['status']): boolean =>
  status === 'failed' || status === 'errored' || status === 'refused'
export const isOver = (status: StepState['status']): boolean => status !== 'pending' && status !== 'running'

/** Steps that failed, errored or were refused, in the order they were planned. */
export const badSteps = (state: ProgressState): StepState[] => [
  ...state.failures,
  ...[...state.steps.values()].filter((step) => isBad(step.status)),
]
