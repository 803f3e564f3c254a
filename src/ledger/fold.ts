/** Pure: what an environment's events add up to. `state.json` is this fold, event by event. */
import type {
  ActiveDeployment,
  Attempt,
  EnvironmentName,
  EnvironmentState,
  KnownHook,
  LedgerEvent,
  PassedStage,
  Reaction,
  ReleaseId,
  Running,
  ServiceName,
  TargetName,
} from '../model/index.ts'
import { hasBegun } from '../model/index.ts'

/** Bounds of what the state carries along; older facts stand in the ledger's history. */
const maxHistory = 20
const maxVerified = 100
const maxFailures = 100
const maxIrreversible = 50

export const initialState = (environment: EnvironmentName): EnvironmentState => ({
  version: 1,
  environment,
  seq: 0,
  running: null,
  health: 'none',
  history: [],
  verified: [],
  failures: [],
  deployment: null,
  last: null,
  waiting: null,
  approvals: [],
  held: null,
  passedOver: [],
  hooks: {},
  irreversible: [],
})

/** Reactions that leave a mark in the ledger; telling people does not. */
const isRecorded = (reaction: Reaction): boolean => reaction !== 'notify'

/** The state after one more event. Never throws: an event that does not fit changes only what it can. */
export function applyEvent(before: EnvironmentState, event: LedgerEvent): EnvironmentState {
  const after = foldEvent(before, event)
  const ended = before.deployment
  // However a deployment ends or is replaced, what it did for good is remembered.
  if (ended === null || after.deployment?.id === ended.id) return after
  const irreversible = withIrreversible(before, ended, event)
  return after.deployment === null
    ? { ...after, irreversible, unresolved: unresolvedHooks(ended) }
    : { ...after, irreversible }
}

function foldEvent(before: EnvironmentState, event: LedgerEvent): EnvironmentState {
  const state: EnvironmentState = { ...before, seq: event.seq }
  switch (event.kind) {
    case 'started': {
      const resumed = before.deployment?.id === event.deployment ? before.deployment : null
      state.deployment = {
        id: event.deployment,
        trigger: event.trigger,
        candidate: event.candidate,
        plan: event.plan,
        startedAt: resumed?.startedAt ?? event.at,
        services: event.services,
        ...(event.previews === undefined ? {} : { previews: event.previews }),
        ...(resumed?.stages === undefined ? {} : { stages: resumed.stages }),
        hooks: resumed?.hooks ?? { ...before.unresolved, ...unresolvedHooks(before.deployment) },
        phase: 'running',
        errors: resumed?.errors ?? 0,
        reactions: [],
        failure: null,
      }
      state.unresolved = {}
      state.placed = withPlaces(before.placed ?? {}, event.places ?? {})
      if (isNamedSame(before.waiting?.candidate, event.candidate)) state.waiting = null
      // An approval is for one plan that waits; what was approved and never came to run is void for good.
      state.approvals = before.approvals.filter((approval) => approval.plan === state.waiting?.plan)
      return state
    }
    case 'verified': {
      if (event.stage !== undefined) {
        if (before.deployment !== null && before.deployment.id === event.deployment)
          state.deployment = withStage(before.deployment, event.stage)
        return state
      }
      const entry = {
        view: event.candidate.view,
        release: event.candidate.release,
        at: event.at,
        unyanks: event.unyanks,
      }
      state.verified = newest([...before.verified.filter((known) => known.view !== entry.view), entry], maxVerified)
      state.failures = before.failures.filter((known) => known.view !== entry.view)
      return state
    }
    case 'succeeded': {
      const running: Running = {
        ...event.candidate,
        deployment: event.deployment ?? before.running?.deployment ?? null,
        since: event.at,
        seq: event.seq,
        services: event.services,
      }
      state.running = running
      state.health = 'healthy'
      state.history = remember(before.history, running)
      state.hooks = event.hooks
      state.deployment = null
      // Its plan has removed what was anywhere else.
      if (event.deployment !== null) state.placed = {}
      state.last = {
        kind: 'succeeded',
        deployment: event.deployment,
        candidate: event.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      if (isNamedSame(before.waiting?.candidate, event.candidate)) state.waiting = null
      return state
    }
    case 'failed': {
      const { view, release } = event.candidate
      if (view !== null && release !== null && event.deployment !== null) {
        const entry = { view, release, at: event.at, deployment: event.deployment }
        state.failures = newest([...before.failures.filter((known) => known.view !== view), entry], maxFailures)
        state.verified = before.verified.filter((known) => known.view !== view)
      }
      state.last = {
        kind: 'failed',
        deployment: event.deployment,
        candidate: event.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      if (isNamedSame(before.waiting?.candidate, event.candidate)) state.waiting = null
      if (event.deployment === null || before.deployment?.id !== event.deployment) return state
      state.health = 'degraded'
      state.deployment = reacting(before.deployment, event)
      return state
    }
    case 'refused': {
      state.last = {
        kind: 'refused',
        deployment: event.deployment,
        candidate: event.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      if (before.deployment?.id !== event.deployment) return state
      if (event.isPartial) state.health = 'degraded'
      state.deployment = reacting(before.deployment, event)
      return state
    }
    case 'errored': {
      state.last = {
        kind: 'errored',
        deployment: event.deployment,
        candidate: event.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      if (
        event.deployment !== null &&
        before.deployment?.id === event.deployment &&
        before.deployment.phase !== 'reacting'
      ) {
        state.deployment = { ...before.deployment, phase: 'errored', errors: before.deployment.errors + 1 }
      }
      return state
    }
    case 'aborted': {
      if (before.deployment?.id !== event.deployment) return state
      state.deployment = { ...before.deployment, phase: 'aborted' }
      state.last = {
        kind: 'aborted',
        deployment: event.deployment,
        candidate: before.deployment.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      return state
    }
    case 'rolled-back': {
      state.hooks = event.hooks
      if (event.candidate !== null) {
        state.running = {
          ...event.candidate,
          deployment: event.deployment,
          since: event.at,
          seq: event.seq,
          services: event.services,
        }
        state.history = remember(before.history, state.running)
        state.health = 'healthy'
        state.placed = {}
      }
      state.last = {
        kind: 'rolled-back',
        deployment: event.deployment,
        candidate: event.candidate,
        at: event.at,
        reasons: event.reasons,
      }
      if (event.trigger === 'rollback') {
        state.deployment = null
        if (before.waiting !== null && before.waiting.candidate.release === event.from) state.waiting = null
        if (event.from !== null && event.from !== event.candidate?.release)
          state.passedOver = withRelease(before.passedOver, event.from)
      } else if (before.deployment !== null) {
        state.deployment = afterReactions(without(before.deployment, 'rollback'))
      }
      return state
    }
    case 'yanked': {
      if (before.deployment !== null && before.deployment.id === event.deployment) {
        state.deployment = afterReactions(without(before.deployment, 'yank'))
      }
      if (event.release !== null && before.waiting?.candidate.release === event.release) state.waiting = null
      return state
    }
    case 'waiting': {
      const sameCandidate = isSameAttempt(before.waiting?.candidate, event.waiting.candidate)
      state.waiting = { ...event.waiting, since: sameCandidate ? (before.waiting?.since ?? event.at) : event.at }
      return state
    }
    case 'approved': {
      const others = before.approvals.filter(
        (approval) => approval.plan !== event.plan || approval.actor.email !== event.actor.email,
      )
      state.approvals = newest([...others, { actor: event.actor, plan: event.plan, at: event.at }], maxFailures)
      return state
    }
    case 'rejected': {
      if (event.candidate === null || isNamedSame(before.waiting?.candidate, event.candidate)) state.waiting = null
      state.approvals = before.approvals.filter((approval) => approval.plan !== event.plan)
      return state
    }
    case 'held': {
      state.held = { actor: event.actor, at: event.at, reasons: event.reasons }
      // A rollback that policy refused leaves the failed release in place, under the hold.
      if (event.deployment !== undefined && before.deployment?.id === event.deployment)
        state.deployment = afterReactions(without(before.deployment, 'rollback'))
      return state
    }
    case 'resumed': {
      state.held = null
      state.passedOver = []
      return state
    }
    case 'hook-started': {
      if (before.deployment?.id !== event.deployment) return state
      state.deployment = withHook(before.deployment, event.key, {
        hook: event.hook,
        service: event.service,
        irreversible: event.irreversible,
        outcome: 'running',
        ...(event.phase === undefined ? {} : { phase: event.phase }),
        ...startedBy(before.deployment.hooks[event.key]),
      })
      return state
    }
    case 'adopted':
      return state
    case 'hook-ended': {
      const known = before.deployment?.id === event.deployment ? before.deployment.hooks[event.key] : undefined
      if (before.deployment === null || known === undefined) return state
      state.deployment = withHook(before.deployment, event.key, { ...known, outcome: event.outcome })
      // It ran, whatever becomes of its deployment: it does not run again for the same definition and bytes.
      if (event.outcome !== 'failed') state.hooks = afterHook(before.hooks, event, known.phase)
      return state
    }
  }
}

/** Whether two attempts are one in the queue: another name for the same commit is another entry in history. */
export const isNamedSame = (one: Attempt | undefined, other: Attempt): boolean =>
  one !== undefined && one.commit === other.commit && one.version === other.version

function withPlaces(
  before: Readonly<Record<ServiceName, TargetName[]>>,
  news: Readonly<Record<ServiceName, TargetName>>,
): Record<ServiceName, TargetName[]> {
  const places = { ...before }
  for (const [service, target] of Object.entries(news)) {
    places[service] = [...new Set([...(places[service] ?? []), target])]
  }
  return places
}

/** Hooks of a deployment that ends whose outcome nobody knows: the next one must not run them blindly. */
function unresolvedHooks(ended: ActiveDeployment | null): ActiveDeployment['hooks'] {
  if (ended === null) return {}
  const hooks = Object.entries(ended.hooks)
  const settled = new Set(
    hooks.flatMap(([, { hook, outcome }]) => (outcome === 'succeeded' || outcome === 'assumed' ? [hook] : [])),
  )
  return Object.fromEntries(
    hooks.flatMap(([key, { isBegunAgain: _again, ...hook }]) =>
      hook.outcome !== 'running' || hook.phase === 'rollback' || settled.has(hook.hook)
        ? []
        : [[key, { ...hook, startedBy: hook.startedBy ?? ended.id }]],
    ),
  )
}

const startedBy = (known: KnownHook | undefined): Pick<KnownHook, 'startedBy' | 'isBegunAgain'> =>
  known?.startedBy === undefined ? {} : { startedBy: known.startedBy, isBegunAgain: true }

/** What ran last under each name; a rollback hook makes its namesake run again. */
function afterHook(
  hooks: EnvironmentState['hooks'],
  { hook, key }: { hook: string; key: string },
  phase: 'before' | 'after' | 'rollback' | undefined,
): EnvironmentState['hooks'] {
  if (phase === undefined) return hooks
  const { [hook]: _undone, ...others } = hooks
  return phase === 'rollback' ? others : { ...others, [hook]: key }
}

/** Whether two attempts carry the same commit, or the same release under two names. */
export const isSameAttempt = (one: Attempt | undefined, other: Attempt): boolean =>
  one !== undefined && (one.commit === other.commit || (one.release !== null && one.release === other.release))

/** An irreversible hook that started may have done its work, however it ended. */
export const irreversibleHooksOf = (deployment: ActiveDeployment): string[] =>
  Object.values(deployment.hooks)
    .filter((hook) => hook.irreversible && hasBegun(hook))
    .map((hook) => hook.hook)

function withIrreversible(before: EnvironmentState, deployment: ActiveDeployment, event: LedgerEvent) {
  const ran = irreversibleHooksOf(deployment).map((hook) => ({
    hook,
    deployment: deployment.id,
    at: event.at,
    seq: event.seq,
  }))
  return newest([...before.irreversible, ...ran], maxIrreversible)
}

const withStage = (deployment: ActiveDeployment, stage: PassedStage): ActiveDeployment => ({
  ...deployment,
  stages: { ...deployment.stages, [stage.service]: stage },
})

function withHook(
  deployment: ActiveDeployment,
  key: string,
  hook: ActiveDeployment['hooks'][string],
): ActiveDeployment {
  return { ...deployment, hooks: { ...deployment.hooks, [key]: hook } }
}

const without = (deployment: ActiveDeployment, done: Reaction): ActiveDeployment => ({
  ...deployment,
  reactions: deployment.reactions.filter((reaction) => reaction !== done),
})

/** A deployment that did not come to its end, and what is left to be done about it; null: nothing. */
const reacting = (
  deployment: ActiveDeployment,
  { reactions, step, reasons, logTail }: Extract<LedgerEvent, { kind: 'failed' | 'refused' }>,
): ActiveDeployment | null =>
  afterReactions({ ...deployment, phase: 'reacting', reactions, failure: { step, reasons, logTail } })

/** A failed deployment is over once nothing that the ledger records is left to do. */
const afterReactions = (deployment: ActiveDeployment): ActiveDeployment | null =>
  deployment.reactions.some(isRecorded) ? deployment : null

function remember(history: readonly Running[], running: Running): Running[] {
  return [running, ...history.filter((known) => known.release !== running.release)].slice(0, maxHistory)
}

const withRelease = (releases: readonly ReleaseId[], release: ReleaseId): ReleaseId[] =>
  newest([...releases.filter((known) => known !== release), release], maxHistory)

const newest = <Item>(items: Item[], bound: number): Item[] => items.slice(-bound)
