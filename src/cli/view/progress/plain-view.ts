/**
 * Progress for CI logs and pipes: one line for each thing that is over, with its time. A CI that folds its log gets the
 * output of every step; elsewhere only that of failed ones is in the way of nobody.
 */
import { type OutcomeKind, type PlannedService, type Progress, type Reason, short } from '../../../model/index.ts'
import { shortRef } from '../../../planning/index.ts'
import type { Clock } from '../../../ports/index.ts'
import { briefReason } from '../pages/reasons.ts'
import {
  count,
  createPen,
  formatBytes,
  formatClockTime,
  formatDuration,
  type Line,
  mostFramedLines,
  type Pen,
  paint,
  type Style,
} from '../text/index.ts'
import type { DeliveryResult, ProgressView } from '../types.ts'
import { annotation, type CiKind, disarmPainted, folded } from './ci.ts'
import {
  applyProgress,
  badSteps,
  isBad,
  nameOfStep,
  type ProgressState,
  type StepState,
  stageText,
  startProgress,
} from './progress-state.ts'
import { createStepLogs } from './step-logs.ts'
import { renderSummary, stepTitle } from './summary.ts'

export type PlainViewOptions = {
  write(text: string): void
  style: Style
  ci: CiKind
  clock: Pick<Clock, 'now'>
  /** The output of steps that went well, too, where the CI does not fold it. */
  verbose?: boolean
  /** How often running steps are named in a quiet log, so that no CI takes it for dead; default one minute. */
  heartbeatMs?: number
}

const isLong = (lines: readonly string[]): boolean => lines.length > mostFramedLines

const defaultHeartbeatMs = 60_000

export function createPlainView(options: PlainViewOptions): ProgressView {
  const { ci, clock, style } = options
  const pen = createPen(style)
  const state = startProgress(clock.now())
  const logs = createStepLogs()
  let folds = 0
  let lastWriteMs = clock.now()
  let isOver = false

  const write = (lines: readonly string[]) => {
    if (lines.length === 0) return
    lastWriteMs = clock.now()
    options.write(`${lines.join('\n')}\n`)
  }
  const say = (lines: readonly Line[]) => {
    const time = pen.dim(`${formatClockTime(clock.now())} `)
    write(
      paint(
        lines.map((line) => [time, ...line]),
        style,
      ).map(disarmPainted),
    )
  }
  const foldLog = (step: StepState) => {
    const lines = logs.take(step.id)
    // What the summary shows whole at its end is not shown twice.
    const isWorthIt = ci !== 'other' || options.verbose === true || (step.status !== 'succeeded' && isLong(lines))
    if (lines.length === 0 || !isWorthIt) return
    folds += 1
    write(folded(ci, folds, `output of ${plainTitle(step, pen)}`, lines, clock.now()))
  }

  const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs
  const heartbeat = setInterval(() => {
    if (clock.now() - lastWriteMs < heartbeatMs) return
    const running = [...state.steps.values()].filter((step) => step.status === 'running')
    if (running.length > 0) say([stillRunning(running, clock.now(), pen)])
  }, heartbeatMs)
  heartbeat.unref()

  return {
    show(event) {
      if (isOver) return
      const before = event.kind === 'instances' ? state.steps.get(event.step)?.instances : null
      applyProgress(state, event, clock.now())
      if (event.kind === 'instances' && isToldAlready(before ?? null, event)) return
      if (event.kind === 'step-log') return logs.add(event.step, event.line)
      say(linesFor(event, state, pen))
      if (event.kind !== 'step-ended') return
      const step = state.steps.get(event.step)
      if (step !== undefined) foldLog(step)
    },
    end(result) {
      if (isOver) return
      isOver = true
      clearInterval(heartbeat)
      for (const id of logs.open()) {
        const step = state.steps.get(id)
        if (step !== undefined) foldLog(step)
      }
      if (result === null) return
      write(['', ...renderSummary(state, result, clock.now(), style).map(disarmPainted)])
      write(annotationsFor(state, result, ci, pen))
    },
  }
}

const plainTitle = (step: StepState, pen: Pen): string =>
  fullTitle(step, pen)
    .map((span) => span.text)
    .join('')

/** What one event says; nothing for those that only move a picture. */
function linesFor(event: Progress, state: ProgressState, pen: Pen): Line[] {
  switch (event.kind) {
    case 'routed':
      return [
        [pen.strong(shortRef(event.ref)), pen.plain(` is at ${short(event.commit)}`)],
        ...event.environments.map(({ reasons }): Line => [pen.plain('  '), pen.plain(briefReason(reasons))]),
      ]
    case 'release-planned':
      return releaseLines(event.services, pen)
    case 'deployment-planned': {
      const doing = event.direction === 'back' ? 'going back to' : 'deploying'
      const work = pen.dim(`: ${count(event.steps.length, 'step')}`)
      return [[pen.strong(event.environment), pen.plain(` ${doing} ${event.version}`), work]]
    }
    case 'step-ended': {
      const step = state.steps.get(event.step)
      return step === undefined ? [] : [endedLine(step, state, pen)]
    }
    case 'retrying': {
      const step = state.steps.get(event.step)
      const title = step === undefined ? [pen.plain(event.step)] : fullTitle(step, pen)
      const again = ` (attempt ${event.attempt}) again in ${formatDuration(event.delayMs)}: `
      return [[pen.warn(`${pen.symbols.waiting} `), ...title, pen.warn(again), pen.plain(event.message)]]
    }
    case 'environment-ended':
      return [
        [
          pen.strong(event.environment),
          pen[outcomeTone(event.outcome)](` ${event.outcome}`),
          ...because(event.reasons, pen),
        ],
      ]
    case 'note':
      return [[pen.dim(`${pen.symbols.note} `), pen.plain(event.message)]]
    case 'instances': {
      // The end of a rollout has its own line, the start of a first one nothing to tell.
      if (event.stage !== undefined) {
        const where = pen.dim(`  ${event.environment} ${event.service}: `)
        return [[where, pen.plain(stageText(event.stage)), pen.dim(`, ${event.ready} new, ${event.old} old`)]]
      }
      const isHalfReplaced = event.ready > 0 && event.ready < event.desired && event.old > 0
      return isHalfReplaced
        ? [[pen.dim(`  ${event.environment} ${event.service}: ${readiness(event)}, ${event.old} old`)]]
        : []
    }
    case 'step-started':
    case 'step-log':
    case 'built':
      return []
  }
}

/** In stages what counts is the stage; else how many are ready. */
const isToldAlready = (before: StepState['instances'], event: Progress & { kind: 'instances' }): boolean =>
  event.stage === undefined
    ? before?.ready === event.ready
    : before?.stage?.weight === event.stage.weight && before.stage.phase === event.stage.phase

const outcomeTone = (outcome: OutcomeKind) =>
  outcome === 'succeeded'
    ? 'good'
    : outcome === 'waiting'
      ? 'warn'
      : outcome === 'nothing' || outcome === 'superseded'
        ? 'dim'
        : 'bad'

const because = (reasons: readonly Reason[], pen: Pen): Line =>
  reasons.length === 0 ? [] : [pen.plain(`: ${briefReason(reasons)}`)]

/** `stage roll carts`, `stage way back: roll carts`. */
const fullTitle = (step: StepState, pen: Pen): Line => [
  pen.plain(step.environment === null ? '' : `${step.environment} `),
  pen.warn(step.isWayBack ? 'way back: ' : ''),
  ...stepTitle(step, pen),
]

function releaseLines(services: readonly PlannedService[], pen: Pen): Line[] {
  const reused = services.filter((service) => service.action === 'reuse').map((service) => service.name)
  return [
    ...services
      .filter((service) => service.action === 'build')
      .map((service): Line => [pen.plain(`  build ${service.name}`), ...because(service.reasons, pen)]),
    ...(reused.length === 0 ? [] : [[pen.dim(`  reuse ${reused.join(', ')}`)]]),
  ]
}

function endedLine(step: StepState, state: ProgressState, pen: Pen): Line {
  const bad = isBad(step.status)
  const glyph = bad
    ? pen.bad(pen.symbols.failed)
    : step.status === 'succeeded'
      ? pen.good(pen.symbols.done)
      : pen.dim(pen.symbols.skipped)
  const why = step.detail ?? briefReason(step.reasons)
  return [
    glyph,
    pen.plain(' '),
    ...fullTitle(step, pen),
    bad ? pen.bad(` ${step.status}`) : pen.dim(step.status === 'succeeded' ? '' : ` ${step.status}`),
    pen.dim(` ${formatDuration(step.durationMs ?? 0)}`),
    why === '' ? pen.dim(madeBy(step, state)) : bad ? pen.plain(`: ${why}`) : pen.dim(`  ${why}`),
  ]
}

/** What a finished step leaves behind, in figures. */
function madeBy(step: StepState, state: ProgressState): string {
  if (step.status !== 'succeeded') return ''
  if (step.instances !== null) return `  ${readiness(step.instances)}`
  const { verb, subject } = nameOfStep(step.id)
  const service = verb === 'build' ? state.services.get(subject) : undefined
  if (service === undefined || service.artifact === null || service.sizeBytes === null) return ''
  return `  artifact ${short(service.artifact)}, ${formatBytes(service.sizeBytes)}`
}

const readiness = ({ ready, desired }: { ready: number; desired: number }): string => `${ready}/${desired} ready`

const stillRunning = (running: readonly StepState[], nowMs: number, pen: Pen): Line => [
  pen.dim('still running: '),
  pen.plain(
    running
      .map((step) => {
        const figures = step.instances === null ? '' : `${readiness(step.instances)}, `
        return `${plainTitle(step, pen)} (${figures}${formatDuration(nowMs - (step.startedAtMs ?? nowMs))})`
      })
      .join(', '),
  ),
]

/** One for each failing step; without any, one for each environment that ended badly. */
function annotationsFor(state: ProgressState, result: DeliveryResult, ci: CiKind, pen: Pen): string[] {
  const steps = badSteps(state)
  if (steps.length > 0) {
    return steps.flatMap((step) => {
      const file = step.reasons.find((reason) => reason.file !== undefined)?.file
      const message = step.reasons.map((reason) => reason.message).join('\n') || `${step.id} ${step.status}`
      const location = file === undefined ? undefined : { file }
      return annotation(ci, { title: `${plainTitle(step, pen)} ${step.status}`, message, location })
    })
  }
  return result.environments
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'errored' || outcome === 'refused')
    .flatMap(({ name, outcome, reasons }) =>
      annotation(ci, {
        title: `${name} ${outcome}`,
        message: reasons.map((reason) => reason.message).join('\n') || outcome,
      }),
    )
}
