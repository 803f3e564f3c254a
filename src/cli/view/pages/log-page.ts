/** `log`: the ledger, one line an event, newest first as it is given. */
import { type Attempt, type EventKind, type LedgerEvent, short, stageText } from '../../../model/index.ts'
import {
  count,
  createPen,
  formatRelative,
  type Line,
  type Pen,
  paint,
  type Style,
  spaced,
  type Tone,
  table,
} from '../text/index.ts'
import type { LogEntry } from '../types.ts'
import { reasonLines } from './reasons.ts'

export type LogPageOptions = {
  nowMs: number
  /** Named in each line where the log is of several environments. */
  environments?: boolean
  /** With every reason below its event. */
  verbose?: boolean
}

export function renderLog(entries: readonly LogEntry[], style: Style, options: LogPageOptions): string[] {
  const pen = createPen(style)
  if (entries.length === 0) return paint([[pen.dim('nothing has happened here yet')]], style)
  const lines = table(
    entries.map((entry) => row(entry, pen, options)),
    style,
  )
  if (options.verbose !== true) return paint(lines, style)
  return paint(
    lines.flatMap((line, index) => [line, ...reasonLines(entries[index]?.event.reasons ?? [], pen, { indent: 4 })]),
    style,
  )
}

const row = ({ oid, event, voided }: LogEntry, pen: Pen, options: LogPageOptions): Line[] => [
  [pen.warn(short(oid))],
  [pen.dim(formatRelative(event.at, options.nowMs))],
  ...(options.environments === true ? [[pen.strong(event.environment)]] : []),
  [pen[kindTones[event.kind]](event.kind)],
  [
    ...spaced(...subject(event).map((part, index) => (index === 0 ? pen.plain(part) : pen.dim(part)))),
    ...by(event, pen),
    ...(voided === undefined ? [] : [pen.bad(`  does not count: ${voided.message}`)]),
  ],
]

const kindTones: Record<EventKind, Tone> = {
  started: 'plain',
  succeeded: 'good',
  verified: 'good',
  failed: 'bad',
  errored: 'bad',
  refused: 'bad',
  aborted: 'warn',
  'rolled-back': 'warn',
  approved: 'good',
  rejected: 'bad',
  held: 'warn',
  resumed: 'plain',
  yanked: 'bad',
  waiting: 'warn',
  'hook-started': 'dim',
  'hook-ended': 'dim',
  adopted: 'plain',
}

const by = (event: LedgerEvent, pen: Pen): Line => [pen.dim(`  ${event.actor.name}`)]

/** What the event is about, then what explains it. */
function subject(event: LedgerEvent): string[] {
  const why = event.reasons[0]?.message ?? ''
  switch (event.kind) {
    case 'started':
      return [named(event.candidate), count(event.services.length, 'service')]
    case 'succeeded':
      return [named(event.candidate), event.deployment === null ? 'no rollout' : '']
    case 'verified':
      return [named(event.candidate), event.stage === undefined ? '' : stageText(event.stage)]
    case 'failed':
    case 'errored':
    case 'refused':
      return [named(event.candidate), event.step === null ? why : `at ${event.step}${why === '' ? '' : `: ${why}`}`]
    case 'rolled-back':
      return [event.candidate === null ? 'to nothing' : `to ${named(event.candidate)}`, why]
    case 'waiting':
      return [named(event.waiting.candidate), event.waiting.reasons[0]?.message ?? why]
    case 'approved':
      return [`plan ${short(event.plan)}`, why]
    case 'rejected':
      return [event.candidate === null ? '' : named(event.candidate), why]
    case 'yanked':
      return [
        event.release === null ? `artifact ${short(event.artifact ?? '')}` : `release ${short(event.release)}`,
        why,
      ]
    case 'hook-started':
      return [event.hook, event.irreversible ? 'irreversible' : '']
    case 'hook-ended':
      return [event.hook, event.outcome]
    case 'adopted':
      return [`the history up to ${short(event.tip)}`]
    case 'aborted':
    case 'held':
    case 'resumed':
      return [why]
  }
}

/** `v1.2.0 (a1b2c3d4e5f6)`; a version that is the commit itself is not said twice. */
function named(candidate: Attempt): string {
  const commit = short(candidate.commit)
  return commit.startsWith(candidate.version) ? candidate.version : `${candidate.version} (${commit})`
}
