/** The live picture: everything under way, on at most so many rows. A pure function of state, moment and style. */
import { short } from '../../../model/index.ts'
import { shortRef } from '../../../planning/index.ts'
import { briefReason, groupByReason } from '../pages/reasons.ts'
import {
  createPen,
  cut,
  formatElapsed,
  type Line,
  type Pen,
  padded,
  paddedLeft,
  paint,
  type Span,
  type Style,
  spaced,
  spaces,
  widthOf,
} from '../text/index.ts'
import {
  type EnvironmentProgress,
  isBad,
  nameOfStep,
  type ProgressState,
  type ServiceState,
  stepsOfService,
} from './progress-state.ts'
import { environmentRow, type Moment, type Row, serviceRow, stepRow } from './rows.ts'

/** Lines longer than this are hard to follow with the eye, however wide the screen. */
const widestPicture = 140
/** On screens narrower than this the figures stand closer. */
const comfortableWidth = 72
/** A tail column narrower than this says nothing. */
const shortestTail = 12

/** How far finished and coming things are folded together, tried in this order until the picture fits. */
const foldings = [
  [],
  ['done-environments'],
  ['done-environments', 'done-services'],
  ['done-environments', 'done-services', 'done-steps', 'pending-services'],
  ['done-environments', 'done-services', 'done-steps', 'pending-services', 'pending-steps', 'gaps'],
] as const satisfies readonly (readonly Fold[])[]

type Fold = 'done-environments' | 'done-services' | 'done-steps' | 'pending-services' | 'pending-steps' | 'gaps'

export type PictureOptions = { title: string /** Rows of the screen the picture may take. */; rows: number }

/** Lines for the terminal: never more than `rows`, never wider than the style. */
export function drawPicture(state: ProgressState, moment: Moment, style: Style, options: PictureOptions): string[] {
  const width = Math.min(style.width, widestPicture)
  const pen = createPen({ ...style, width })
  const rows = Math.max(1, options.rows)
  for (const folds of foldings) {
    const lines = compose(state, moment, pen, options.title, new Set<Fold>(folds))
    if (lines.length <= rows) return paint(lines, pen.style)
  }
  return paint(squeeze(state, moment, pen, options.title, rows), pen.style)
}

function compose(state: ProgressState, moment: Moment, pen: Pen, title: string, folds: ReadonlySet<Fold>): Line[] {
  const parts = [servicesPart(state, moment, pen, folds), ...environmentParts(state, moment, pen, folds)]
  const filled = parts.filter((part) => part.length > 0)
  const columns = columnsFor(filled.flat(), pen)
  const gap: Line[] = folds.has('gaps') ? [] : [[]]
  return [
    header(state, moment, pen, title),
    ...filled.flatMap((part) => [...gap, ...part.map((row) => layOut(row, columns, pen))]),
    ...notesPart(state, pen, gap),
  ]
}

/** The last resort on a very low screen: the header and what runs or failed, as much as there is room for. */
function squeeze(state: ProgressState, moment: Moment, pen: Pen, title: string, rows: number): Line[] {
  const all = [
    ...servicesPart(state, moment, pen, new Set()),
    ...environmentParts(state, moment, pen, new Set()).flat(),
  ]
  const urgent = all.filter((row) => row.phase === 'bad' || row.phase === 'running')
  const columns = columnsFor(urgent, pen)
  const room = rows - 1
  const head = header(state, moment, pen, title)
  const lines = urgent.map((row) => layOut(row, columns, pen))
  if (lines.length <= room) return [head, ...lines]
  if (room < 2) return [head]
  const left = lines.length - (room - 1)
  return [head, ...lines.slice(0, room - 1), [pen.dim(`${pen.symbols.ellipsis} and ${left} more at work`)]]
}

/** What is delivered, and for how long by now, at the right edge. */
function header(state: ProgressState, moment: Moment, pen: Pen, title: string): Line {
  const { commit, ref } = state
  const what = spaced(
    pen.strong(title),
    pen.accent(ref === null ? '' : shortRef(ref)),
    pen.dim(commit === null ? '' : short(commit)),
  )
  const time = [pen.dim(formatElapsed(moment.nowMs - state.startedAtMs))]
  const room = Math.min(pen.style.width, widestPicture) - widthOf(time) - 2
  return [...padded(cut(what, room, pen.symbols), room), spaces(2), ...time]
}

function servicesPart(state: ProgressState, moment: Moment, pen: Pen, folds: ReadonlySet<Fold>): Row[] {
  const services = [...state.services.values()]
  const reused = services.filter(({ name, action }) => action === 'reuse' && stepsOfService(state, name).length === 0)
  const active = services.filter((service) => !reused.includes(service))
  const rows = active.map((service) => serviceRow(service, state, moment, pen))
  const folded = foldRows(rows, folds.has('done-services'), folds.has('pending-services'), pen)
  return [...folded, ...otherSteps(state, moment, pen), ...reusedRows(reused, pen)]
}

/** Steps of neither a service nor an environment (installing, recording the release): shown while they matter. */
const otherSteps = (state: ProgressState, moment: Moment, pen: Pen): Row[] =>
  [...state.steps.values()]
    .filter((step) => step.environment === null && !state.services.has(nameOfStep(step.id).subject))
    .filter((step) => step.status === 'running' || isBad(step.status))
    .map((step) => ({ ...stepRow(step, moment, pen), depth: 0 }))

/** Reused services have nothing more to tell: one line for all that share a reason. */
const reusedRows = (services: readonly ServiceState[], pen: Pen): Row[] =>
  groupByReason(services).map((group) => {
    const glyph = pen.dim(pen.symbols.reused)
    const [why = '', ...others] = new Set(group.map((service) => briefReason(service.reasons)))
    const names = group.map((service) => service.name)
    if (names.length === 1) return foldedRow(glyph, names.join(), 'reused', why, pen)
    const list = names.join(', ')
    return foldedRow(glyph, `${names.length} services`, 'reused', others.length > 0 ? list : `${list}: ${why}`, pen)
  })

/** An environment with steps stands on its own; neighbours that have nothing but their own row stand together. */
function environmentParts(state: ProgressState, moment: Moment, pen: Pen, folds: ReadonlySet<Fold>): Row[][] {
  const parts: Row[][] = []
  let quiet: Row[] | null = null
  for (const environment of state.environments.values()) {
    const head = environmentRow(environment, moment, pen)
    const isFolded = head.phase === 'done' && folds.has('done-environments')
    const steps = isFolded ? [] : shownSteps(state, environment, moment, pen)
    const rows = foldRows(steps, folds.has('done-steps'), folds.has('pending-steps'), pen)
    if (rows.length > 0) {
      parts.push([head, ...rows])
      quiet = null
    } else if (quiet === null) {
      quiet = [head]
      parts.push(quiet)
    } else quiet.push(head)
  }
  return parts
}

/** Tagging artifacts is housekeeping: it shows only when it fails. */
const shownSteps = (state: ProgressState, { name, steps }: EnvironmentProgress, moment: Moment, pen: Pen): Row[] =>
  [
    ...state.failures.filter((step) => step.environment === name),
    ...steps.flatMap((id) => state.steps.get(id) ?? []),
  ].flatMap((step) => (step.kind === 'tag' && !isBad(step.status) ? [] : [stepRow(step, moment, pen)]))

/** Replaces all finished rows, or all that have not begun, by one that names them. */
function foldRows(rows: readonly Row[], foldDone: boolean, foldPending: boolean, pen: Pen): Row[] {
  const depth = rows[0]?.depth ?? 0
  const fold = (phase: 'done' | 'pending', glyph: Span, word: string): Row[] => {
    const folded = rows.filter((row) => row.phase === phase)
    if (folded.length < 2) return folded
    const list = folded.map((row) => row.label.at(-1)?.text ?? '').join(', ')
    return [{ ...foldedRow(glyph, `${folded.length} ${word}`, '', list, pen), phase, depth }]
  }
  const isFolded = (row: Row) => (foldDone && row.phase === 'done') || (foldPending && row.phase === 'pending')
  return [
    ...(foldDone ? fold('done', pen.good(pen.symbols.done), 'done') : []),
    ...rows.filter((row) => !isFolded(row)),
    ...(foldPending ? fold('pending', pen.dim(pen.symbols.pending), 'to come') : []),
  ]
}

const foldedRow = (glyph: Span, label: string, status: string, tail: string, pen: Pen): Row => ({
  phase: 'done',
  depth: 0,
  glyph,
  label: [pen.dim(label)],
  status: [pen.dim(status)],
  time: '',
  tail: [pen.dim(tail)],
})

function notesPart(state: ProgressState, pen: Pen, gap: readonly Line[]): Line[] {
  const note = state.notes.at(-1)
  return note === undefined ? [] : [...gap, spaced(pen.dim(pen.symbols.note), pen.dim(note))]
}

type Columns = { label: number; status: number; time: number; tail: number }

/**
 * The same for all parts, so that the eye can go down a column. Names get a fixed share of the screen, up to a third where
 * they need it: columns that follow the names at hand would jump as steps become known.
 */
function columnsFor(rows: readonly Row[], pen: Pen): Columns {
  const { width } = pen.style
  const share = Math.min(30, Math.max(12, Math.floor(width * 0.27)))
  const wanted = Math.max(0, ...rows.map((row) => 2 * row.depth + widthOf(row.label)))
  const label = Math.min(Math.max(wanted, share), Math.max(share, Math.floor(width / 3)))
  const [status, time] = width < comfortableWidth ? [13, 9] : [15, 10]
  return { label, status, time, tail: width - (2 + label + 2 + status + 1 + time + 2) }
}

function layOut(row: Row, columns: Columns, pen: Pen): Line {
  const labelRoom = columns.label - 2 * row.depth
  const lead: Line = [
    spaces(2 * row.depth),
    row.glyph,
    spaces(1),
    ...padded(cut(row.label, labelRoom, pen.symbols), labelRoom),
    spaces(2),
  ]
  const hasTailColumn = columns.tail >= shortestTail
  // Without a column of its own, the reason of something that has no time to show takes that place.
  if (!hasTailColumn && row.time === '') return [...lead, ...row.status, spaces(1), ...row.tail]
  const figures: Line = [
    ...padded(cut(row.status, columns.status, pen.symbols), columns.status),
    spaces(1),
    ...paddedLeft([pen.dim(row.time)], columns.time),
  ]
  return hasTailColumn ? [...lead, ...figures, spaces(2), ...row.tail] : [...lead, ...figures]
}
