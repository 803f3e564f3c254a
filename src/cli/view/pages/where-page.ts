/** `where <rev>`: where a commit has got to. */
import { short } from '../../../model/index.ts'
import {
  createPen,
  formatRelative,
  type Line,
  type Pen,
  paint,
  type Span,
  type Style,
  spaced,
  table,
} from '../text/index.ts'
import type { WhereDocument } from '../types.ts'

export function renderWhere(where: WhereDocument, style: Style, options: { nowMs: number }): string[] {
  const pen = createPen(style)
  const rows = where.environments.map((place): Line[] => [
    [marker(place.state, pen)],
    [pen.strong(place.name)],
    [pen[stateTones[place.state]](stateWords[place.state])],
    [pen.plain(place.version ?? '')],
    [pen.dim(place.at === null ? '' : formatRelative(place.at, options.nowMs))],
    [pen.dim(place.reasons.map((reason) => reason.message).join('; '))],
  ])
  return paint(
    [
      spaced(pen.accent(short(where.commit)), pen.plain(where.subject)),
      spaced(
        pen.dim(where.release === null ? 'no release was made of it' : `release ${short(where.release)}`),
        pen.bad(where.yanked ? 'yanked' : ''),
      ),
      [],
      ...(rows.length === 0 ? [[pen.dim('no environments')]] : table(rows, style, { wrapLast: true })),
    ],
    style,
  )
}

type State = WhereDocument['environments'][number]['state']

const stateWords: Record<State, string> = {
  running: 'runs',
  contained: 'is in what runs',
  passed: 'ran before',
  deploying: 'is being deployed',
  waiting: 'waits',
  failed: 'failed',
  errored: 'errored',
  cancelled: 'was cancelled',
  refused: 'refused',
  'not-there': 'not there',
}

const stateTones = {
  running: 'good',
  contained: 'good',
  passed: 'plain',
  deploying: 'accent',
  waiting: 'warn',
  failed: 'bad',
  errored: 'bad',
  cancelled: 'warn',
  refused: 'bad',
  'not-there': 'dim',
} as const satisfies Record<State, string>

function marker(state: State, pen: Pen): Span {
  const { symbols } = pen
  if (state === 'running' || state === 'contained') return pen.good(symbols.ready)
  if (state === 'failed' || state === 'errored' || state === 'refused') return pen.bad(symbols.failed)
  return pen[stateTones[state]](symbols.absent)
}
