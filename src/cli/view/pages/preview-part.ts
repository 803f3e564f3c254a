/** What platforms say they would do: change sets and plan files, below the service they belong to. */
import { isLoss, type PlannedDeploy, type PreviewedChange } from '../../../model/index.ts'
import { count, type Line, type Pen, type Span, table } from '../text/index.ts'

const previewSigns = { add: '+', change: '~', replace: '±', remove: '-', import: '<' } as const
const shownChanges = 12

/** What its platform would do, the gravest first. */
export function previewPart({ name, preview }: PlannedDeploy, pen: Pen, verbose: boolean): Line[] {
  if (preview === undefined || preview.changes.length === 0) return []
  const inOrder = [...preview.changes].sort((left, right) => gravity(right) - gravity(left))
  const shown = inOrder.slice(0, verbose ? inOrder.length : shownChanges)
  const rows = shown.map((change): Line[] => [
    [signOf(change, pen)],
    [pen.plain(change.subject)],
    [pen.dim((change.because ?? []).join(', ')), ...lossNote(change, pen)],
  ])
  const more = inOrder.length - shown.length
  return [
    [pen.plain('    '), pen.dim(`${name}: ${summary(preview.changes)}`)],
    ...table(rows, pen.style, { indent: 6 }),
    ...(more > 0 ? [[pen.plain('      '), pen.dim(`and ${count(more, 'other')}`)]] : []),
  ]
}

const lossNote = (change: PreviewedChange, pen: Pen): Span[] =>
  isLoss(change) ? [pen.bad(`${change.because === undefined ? '' : ', '}its data is lost`)] : []

const gravities = { add: 0, import: 1, change: 2, remove: 3, replace: 4 } as const
const gravity = (change: PreviewedChange): number => gravities[change.action] + (isLoss(change) ? 10 : 0)

function signOf({ action }: PreviewedChange, pen: Pen): Span {
  const sign = `${previewSigns[action]} ${action}`
  if (action === 'add' || action === 'import') return pen.good(sign)
  return action === 'change' ? pen.warn(sign) : pen.bad(sign)
}

function summary(changes: readonly PreviewedChange[]): string {
  const words = { add: 'to add', import: 'to import', change: 'to change', replace: 'to replace', remove: 'to remove' }
  const counts = Object.entries(words).flatMap(([action, word]) => {
    const found = changes.filter((change) => change.action === action).length
    return found === 0 ? [] : [`${found} ${word}`]
  })
  return counts.join(', ')
}
