/** `diff <env> <env|rev>`: what differs between two places. */
import { type Digest, short } from '../../../model/index.ts'
import { count, createPen, type Line, type Pen, paint, type Style, spaced, table } from '../text/index.ts'
import type { DiffCommit, DiffDocument, DiffSide } from '../types.ts'
import { briefReason } from './reasons.ts'

/** Commits shown of each side before the rest is counted. */
const mostCommits = 20

export function renderDiff(diff: DiffDocument, style: Style): string[] {
  const pen = createPen(style)
  const differing = diff.services.filter((service) => service.change !== 'same')
  const same = diff.services.length - differing.length
  const rows = differing.map((service): Line[] => [
    [changeWord(service.change, pen)],
    [pen.strong(service.name)],
    change(service, pen),
    [pen.dim(service.from === service.to ? briefReason(service.reasons) : '')],
  ])
  const verdict = differing.length === 0 ? 'the same bytes in both' : `${count(same, 'service')} the same`
  return paint(
    [
      [...side(diff.from, pen), pen.dim(` ${pen.symbols.arrow} `), ...side(diff.to, pen)],
      [],
      ...table(rows, style, { indent: 2 }),
      [pen.plain('  '), pen.dim(verdict)],
      ...commitsPart(`only in ${diff.to.label}`, diff.commits, pen),
      ...commitsPart(`only in ${diff.from.label}`, diff.missing, pen),
    ],
    style,
  )
}

/** `prod v1.2.0 a1b2c3d4e5f6`; a side that is its own version, or nothing, says so once. */
function side({ label, version, commit }: DiffSide, pen: Pen): Line {
  const id = commit === null ? 'nothing' : short(commit)
  return spaced(
    pen.strong(label),
    pen.plain(version === null || version === label || id.startsWith(version) ? '' : version),
    pen.dim(id === label ? '' : id),
  )
}

/** From which bytes to which; the same bytes, where only how they run differs, are named once. */
const change = ({ from, to }: { from: Digest | null; to: Digest | null }, pen: Pen): Line =>
  from === to ? [pen.plain(bytes(to))] : spaced(pen.dim(bytes(from)), pen.dim(pen.symbols.arrow), pen.plain(bytes(to)))

const bytes = (digest: Digest | null): string => (digest === null ? 'nothing' : short(digest))

function changeWord(change: DiffDocument['services'][number]['change'], pen: Pen) {
  if (change === 'added') return pen.good('added')
  return change === 'removed' ? pen.bad('removed') : pen.warn('changed')
}

function commitsPart(title: string, commits: readonly DiffCommit[], pen: Pen): Line[] {
  if (commits.length === 0) return []
  const left = commits.length - mostCommits
  return [
    [],
    [pen.strong(count(commits.length, 'commit')), pen.dim(` ${title}`)],
    ...table(
      commits
        .slice(0, mostCommits)
        .map((commit): Line[] => [
          [pen.warn(short(commit.id))],
          [pen.plain(commit.subject), pen.dim(`  ${commit.author}`)],
        ]),
      pen.style,
      { indent: 2 },
    ),
    ...(left > 0 ? [[pen.plain('  '), pen.dim(`and ${left} more`)]] : []),
  ]
}
