/** The rows of the live picture: one a service, an environment, a step, all on the same columns. */
import type { OutcomeKind } from '../../../model/index.ts'
import { briefReason, isExplained } from '../pages/reasons.ts'
import { instanceDots } from '../pages/status-page.ts'
import { formatBytes, formatDuration, formatElapsed, type Line, type Pen, type Span } from '../text/index.ts'
import {
  type EnvironmentProgress,
  isBad,
  isOver,
  nameOfStep,
  type ProgressState,
  type ServiceState,
  type StepState,
  stageText,
  stepsOfService,
} from './progress-state.ts'

export type RowPhase = 'pending' | 'running' | 'done' | 'bad' | 'waiting'

export type Row = {
  phase: RowPhase
  /** 0 for services and environments, 1 for steps of an environment. */
  depth: 0 | 1
  glyph: Span
  label: Line
  status: Line
  time: string
  /** What explains it: a reason, or the last line of a running step's output. */
  tail: Line
}

/** What changes between two frames though no event came. */
export type Moment = { nowMs: number /** Index of the spinner's picture. */; beat: number }

export function serviceRow(service: ServiceState, state: ProgressState, moment: Moment, pen: Pen): Row {
  const steps = stepsOfService(state, service.name)
  const label = [pen.plain(service.name)]
  // That it was never built says nothing beside its being built.
  const why = [pen.dim(isExplained(service.reasons) ? briefReason(service.reasons) : '')]
  const base = { depth: 0, label } as const
  const bad = steps.find((step) => isBad(step.status))
  if (bad !== undefined) return { ...base, ...badRow(bad, checkOrBuild(bad), pen) }
  const active = steps.filter((step) => step.status === 'running')
  const [current] = active
  const spent = timeOf(steps, moment)
  if (current !== undefined) {
    return { ...base, ...runningRow(current, [pen.accent(doingOf(active))], spent, why, moment, pen) }
  }
  if (steps.length > 0 && steps.every((step) => isOver(step.status))) {
    return {
      ...base,
      phase: 'done',
      glyph: pen.good(pen.symbols.done),
      status: doneStatus(service, steps, pen),
      time: spent,
      tail: why,
    }
  }
  if (service.action === 'build' && steps.length === 0 && state.steps.size > 0) {
    // It runs the artifact of another service, whose row tells how that comes along.
    const status = [pen.dim('shared')]
    return { ...base, phase: 'done', glyph: pen.dim(pen.symbols.reused), status, time: '', tail: why }
  }
  const started = steps.some((step) => isOver(step.status))
  const status = [pen.dim(started ? 'checked' : service.action === 'build' ? 'to build' : 'to check')]
  return {
    ...base,
    phase: 'pending',
    glyph: pen.dim(pen.symbols.pending),
    status,
    time: started ? spent : '',
    tail: why,
  }
}

function doingOf(active: readonly StepState[]): string {
  const [first, ...others] = active.map((step) => nameOfStep(step.id))
  if (first === undefined || first.verb === 'build') return 'building'
  return others.length === 0 ? `checking ${first.part ?? ''}` : `${active.length} checks`
}

function doneStatus(service: ServiceState, steps: readonly StepState[], pen: Pen): Line {
  const build = steps.find((step) => nameOfStep(step.id).verb === 'build')
  if (build === undefined) return [pen.dim(service.action === 'reuse' ? 'reused, checked' : 'checked')]
  if (build.status === 'cancelled' || build.status === 'skipped') return [pen.dim(build.status)]
  if (build.status === 'reused') return [pen.dim('reused')]
  return [pen.plain('built'), pen.dim(service.sizeBytes === null ? '' : ` ${formatBytes(service.sizeBytes)}`)]
}

const checkOrBuild = (step: StepState): string => {
  const { verb, part } = nameOfStep(step.id)
  return `${part ?? verb} ${step.status === 'failed' ? 'failed' : step.status}`
}

/** From the first start to the last end of these steps, or till now. */
function timeOf(steps: readonly StepState[], { nowMs }: Moment): string {
  const starts = steps.flatMap((step) => (step.startedAtMs === null ? [] : [step.startedAtMs]))
  if (starts.length === 0) return ''
  const isRunning = steps.some((step) => step.status === 'running')
  const ends = steps.flatMap((step) =>
    step.startedAtMs === null || step.durationMs === null ? [] : [step.startedAtMs + step.durationMs],
  )
  const first = Math.min(...starts)
  return isRunning ? formatElapsed(nowMs - first) : ends.length === 0 ? '' : formatDuration(Math.max(...ends) - first)
}

const verbs: Record<string, string> = { rollout: 'roll', remove: 'remove', hook: 'hook', verify: 'verify', tag: 'tag' }

export function stepRow(step: StepState, moment: Moment, pen: Pen): Row {
  const base = { depth: 1, label: stepLabel(step, pen) } as const
  const time = timeOf([step], moment)
  const { symbols } = pen
  const dots = step.instances === null ? [] : instanceDots(step.instances, pen)
  switch (step.status) {
    case 'failed':
    case 'errored':
    case 'refused':
      return { ...base, ...badRow(step, step.status, pen) }
    case 'running': {
      const old = step.instances === null || step.instances.old === 0 ? '' : `${step.instances.old} old`
      const row = runningRow(step, dots, time, [pen.dim(old)], moment, pen)
      const stage = step.instances?.stage
      // At which share it stands says more than what was done last.
      const tail =
        stage === undefined || step.retry !== null ? row.tail : [pen.accent(stageText(stage)), pen.dim(`, ${old}`)]
      return { ...base, ...row, tail }
    }
    case 'pending':
      return { ...base, phase: 'pending', glyph: pen.dim(symbols.pending), status: [], time: '', tail: [] }
    case 'succeeded':
      return { ...base, phase: 'done', glyph: pen.good(symbols.done), status: dots, time, tail: explanation(step, pen) }
    case 'reused':
    case 'skipped':
    case 'cancelled': {
      const glyph = pen.dim(step.status === 'reused' ? symbols.reused : symbols.skipped)
      return { ...base, phase: 'done', glyph, status: [pen.dim(step.status)], time: '', tail: explanation(step, pen) }
    }
  }
}

/** `roll carts`; what has no name of its own goes by its title. */
export function stepLabel(step: StepState, pen: Pen): Line {
  const { verb, subject } = nameOfStep(step.id)
  const spoken = verbs[verb] ?? verb
  if (subject === '') return [pen.plain(step.title ?? spoken)]
  return [pen.dim(`${spoken.padEnd(6)} `), pen.plain(subject)]
}

const explanation = (step: StepState, pen: Pen): Line => [pen.dim(step.detail ?? briefReason(step.reasons))]

function runningRow(
  step: StepState,
  status: Line,
  time: string,
  otherwise: Line,
  moment: Moment,
  pen: Pen,
): Pick<Row, 'phase' | 'glyph' | 'status' | 'time' | 'tail'> {
  if (step.retry !== null) {
    const wait = formatElapsed(step.retry.untilMs - moment.nowMs)
    const again = [pen.warn(`again in ${wait}`)]
    return {
      phase: 'running',
      glyph: pen.warn(pen.symbols.waiting),
      status: again,
      time,
      tail: [pen.warn(step.retry.message)],
    }
  }
  const { spinner } = pen.symbols
  const glyph = pen.accent(spinner[moment.beat % spinner.length] ?? '')
  const lastLine = step.tail.findLast((line) => line.trim() !== '')
  return {
    phase: 'running',
    glyph,
    status,
    time,
    tail: lastLine === undefined ? otherwise : [pen.dim(lastLine.trim())],
  }
}

function badRow(step: StepState, word: string, pen: Pen): Pick<Row, 'phase' | 'glyph' | 'status' | 'time' | 'tail'> {
  return {
    phase: 'bad',
    glyph: pen.bad(pen.symbols.failed),
    status: [pen.bad(word)],
    time: step.durationMs === null ? '' : formatDuration(step.durationMs),
    tail: [pen.bad(briefReason(step.reasons) || step.detail || '')],
  }
}

const outcomeLooks: Record<OutcomeKind, { word: string; tone: 'good' | 'dim' | 'warn' | 'bad'; phase: RowPhase }> = {
  succeeded: { word: 'runs', tone: 'good', phase: 'done' },
  nothing: { word: 'nothing to do', tone: 'dim', phase: 'done' },
  superseded: { word: 'superseded', tone: 'dim', phase: 'done' },
  waiting: { word: 'waits', tone: 'warn', phase: 'waiting' },
  refused: { word: 'refused', tone: 'bad', phase: 'bad' },
  failed: { word: 'failed', tone: 'bad', phase: 'bad' },
  errored: { word: 'errored', tone: 'bad', phase: 'bad' },
}

export function outcomeGlyph(outcome: OutcomeKind, pen: Pen): Span {
  const { symbols } = pen
  const glyphs: Record<OutcomeKind, string> = {
    succeeded: symbols.done,
    nothing: symbols.skipped,
    superseded: symbols.skipped,
    waiting: symbols.waiting,
    refused: symbols.refused,
    failed: symbols.failed,
    errored: symbols.failed,
  }
  return pen[outcomeLooks[outcome].tone](glyphs[outcome])
}

/** The head of an environment's part. */
export function environmentRow(environment: EnvironmentProgress, moment: Moment, pen: Pen): Row {
  const base = { depth: 0, label: [pen.strong(environment.name)] } as const
  const { outcome, version, startedAtMs, endedAtMs, routed, back } = environment
  const spent = startedAtMs === null ? null : (endedAtMs ?? moment.nowMs) - startedAtMs
  if (outcome !== null) {
    const { word, tone, phase } = outcomeLooks[outcome]
    const status = [...(outcome === 'succeeded' && version !== null ? [pen.plain(`${version} `)] : []), pen[tone](word)]
    const time = spent === null ? '' : formatDuration(spent)
    const tail = [pen[tone === 'good' ? 'dim' : tone](briefReason(environment.reasons))]
    return { ...base, phase, glyph: outcomeGlyph(outcome, pen), status, time, tail }
  }
  if (spent !== null) {
    const time = formatElapsed(spent)
    if (back !== null) {
      const tail = version === back ? [] : [pen.warn(`${version} failed: going back to ${back}`)]
      return { ...base, phase: 'running', glyph: pen.warn(pen.symbols.back), status: [pen.warn('back')], time, tail }
    }
    const glyph = pen.accent(pen.symbols.note)
    return { ...base, phase: 'running', glyph, status: [pen.plain(version ?? '')], time, tail: [] }
  }
  return {
    ...base,
    time: '',
    phase: 'pending',
    glyph: pen.dim(pen.symbols.pending),
    status: [pen.dim('next')],
    tail: [pen.dim(briefReason(routed))],
  }
}
