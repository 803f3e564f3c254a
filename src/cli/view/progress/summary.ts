/** The last word of a delivery: what was made, how each environment ended and why, what failed, what can be done next. */
import { type OutcomeKind, short } from '../../../model/index.ts'
import { hanging, hintSpans, nextStep, reasonLines } from '../pages/reasons.ts'
import {
  createPen,
  formatBytes,
  formatDuration,
  framedLog,
  type Line,
  listed,
  type Pen,
  padded,
  paint,
  type Style,
  spaced,
  spaces,
  widthOf,
} from '../text/index.ts'
import type { DeliveryResult, EnvironmentResult } from '../types.ts'
import { badSteps, nameOfStep, type ProgressState, type StepState, stepsOfService } from './progress-state.ts'
import { outcomeGlyph, stepLabel } from './rows.ts'

export function renderSummary(state: ProgressState, result: DeliveryResult, nowMs: number, style: Style): string[] {
  const pen = createPen(style)
  const parts = [
    state.services.size > 0 ? madePart(state, pen) : onRecordPart(result, pen),
    environmentsPart(state, result, pen),
    ...badSteps(state).map((step) => failurePart(step, pen)),
    [verdict(state, result, nowMs, pen), ...reasonLines(result.reasons, pen, { indent: 2, evidence: false })],
  ]
  const filled = parts.filter((part) => part.length > 0)
  return paint(
    filled.flatMap((part, index) => (index === 0 ? part : [[], ...part])),
    style,
  )
}

/** What was built, and what was there already. */
function madePart(state: ProgressState, pen: Pen): Line[] {
  const built: string[] = []
  const kept: string[] = []
  for (const service of state.services.values()) {
    const build = stepsOfService(state, service.name).find((step) => nameOfStep(step.id).verb === 'build')
    if (build?.status === 'succeeded') {
      const size = service.sizeBytes === null ? '' : `${formatBytes(service.sizeBytes)}, `
      built.push(`${service.name} (${size}${formatDuration(build.durationMs ?? 0)})`)
    } else if (service.action === 'reuse' || build?.status === 'reused') kept.push(service.name)
  }
  return [...made('built   ', built, 'plain', pen), ...made('reused  ', kept, 'plain', pen)]
}

/** A release that was there before: promotions build nothing, and it does no harm to say so. */
function onRecordPart({ release, environments }: DeliveryResult, pen: Pen): Line[] {
  const isDeployed = environments.some(({ outcome }) => outcome === 'succeeded')
  if (release === null || !isDeployed) return []
  return [[pen.dim('  reused  '), pen.plain(`all of release ${short(release)}: nothing is built again`)]]
}

const made = (word: string, items: readonly string[], tone: 'plain' | 'dim', pen: Pen, indent = 2): Line[] =>
  listed(
    [spaces(indent), pen.dim(word)],
    items.map((item) => pen[tone](item)),
    pen.style.width,
  )

function environmentsPart(state: ProgressState, result: DeliveryResult, pen: Pen): Line[] {
  const nameWidth = Math.max(0, ...result.environments.map((environment) => widthOf([pen.plain(environment.name)])))
  const indent = nameWidth + 4
  return result.environments.flatMap((environment) => [
    [
      outcomeGlyph(environment.outcome, pen),
      spaces(1),
      ...padded([pen.strong(environment.name)], nameWidth),
      spaces(2),
      ...outcomeSentence(state, environment, pen),
    ],
    ...doneLines(state, environment, indent, pen),
    ...reasonLines(environment.reasons, pen, { indent, most: 4, evidence: false, hints: false }),
    ...nextLines(environment, indent, pen),
  ])
}

function outcomeSentence(state: ProgressState, { name, outcome }: EnvironmentResult, pen: Pen): Line {
  const progress = state.environments.get(name)
  const version = progress?.version ?? ''
  const time =
    progress?.startedAtMs == null || progress.endedAtMs === null
      ? ''
      : formatDuration(progress.endedAtMs - progress.startedAtMs)
  const sentences: Record<OutcomeKind, Line> = {
    succeeded: [pen.good(version === '' ? 'succeeded' : `runs ${version}`)],
    nothing: [pen.dim('nothing to do')],
    superseded: [pen.dim('superseded by a newer commit')],
    waiting: [pen.warn('waits')],
    refused: [pen.bad('refused')],
    failed: [pen.bad(version === '' ? 'failed' : `${version} failed`)],
    errored: [pen.bad(version === '' ? 'errored' : `${version} errored`)],
  }
  return time === '' ? sentences[outcome] : [...sentences[outcome], pen.dim(`  ${time}`)]
}

/** `rolled out  carts, products`, `ran migrate`, `verified checkout works`: a line each. */
function doneLines(state: ProgressState, { name, outcome }: EnvironmentResult, indent: number, pen: Pen): Line[] {
  if (outcome !== 'succeeded') return []
  const names = (state.environments.get(name)?.steps ?? []).flatMap((id) =>
    state.steps.get(id)?.status === 'succeeded' ? [nameOfStep(id)] : [],
  )
  return doneWords.flatMap(([verb, word]) => {
    const subjects = names.filter((step) => step.verb === verb).map((step) => step.subject)
    return made(`${word}  `, subjects, 'dim', pen, indent)
  })
}

const doneWords = [
  ['rollout', 'rolled out'],
  ['remove', 'removed   '],
  ['hook', 'ran       '],
  ['verify', 'verified  '],
] as const

function nextLines({ name, outcome, reasons }: EnvironmentResult, indent: number, pen: Pen): Line[] {
  const next = nextStep(name, outcome, reasons)
  return next === null ? [] : hanging(hintSpans(next, pen), indent, pen)
}

/** The failing step, why, and how its output ended. */
function failurePart(step: StepState, pen: Pen): Line[] {
  const place = step.environment === null ? '' : `${step.environment} `
  const head: Line = [
    pen.bad(`${pen.symbols.failed} ${place}`),
    ...stepTitle(step, pen),
    pen.bad(` ${step.status}`),
    pen.dim(step.durationMs === null ? '' : ` after ${formatDuration(step.durationMs)}`),
  ]
  return [
    head,
    ...reasonLines(step.reasons, pen, { indent: 2 }),
    ...(step.tail.length === 0 ? [] : framedLog('end of its output', step.tail, pen)),
  ]
}

/** `carts: check test`, `verify checkout works`. */
export function stepTitle(step: StepState, pen: Pen): Line {
  const { verb, subject, part } = nameOfStep(step.id)
  if (part !== null) return [pen.strong(subject), pen.plain(` check ${part}`)]
  if (verb === 'build' && subject !== '') return [pen.strong(subject), pen.plain(' build')]
  return stepLabel(step, pen).map((span) => ({ ...span, text: span.text.replace(/ +$/, ' ') }))
}

const verdictWords: Record<OutcomeKind, string> = {
  succeeded: 'Delivered',
  nothing: 'Nothing to do',
  waiting: 'Waiting',
  superseded: 'Superseded',
  refused: 'Refused',
  failed: 'Failed',
  errored: 'Errored',
}

function verdict(state: ProgressState, { outcome, commit }: DeliveryResult, nowMs: number, pen: Pen): Line {
  return spaced(
    outcomeGlyph(outcome, pen),
    pen.strong(verdictWords[outcome]),
    pen.accent(commit === null ? '' : short(commit)),
    pen.dim(`${pen.symbols.dot} ${formatDuration(nowMs - state.startedAtMs)}`),
  )
}
