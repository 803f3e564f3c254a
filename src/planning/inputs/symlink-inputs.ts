/** What symbolic links among the inputs lead to: a build that reads through them reads that. */
import { type Reason, reason } from '../../model/index.ts'
import { type Claim, createClaim } from './claim.ts'
import type { CommitView, Positions } from './commit-view.ts'
import { everythingBelow, isWithin } from './repository-path.ts'

export type LinkTarget = {
  /** What the link leads to; null where that is nothing that can be an input. */
  target: Claim | null
  /** Further links that are passed through on the way: they must be there, what else lies behind them need not. */
  way: Claim | null
  note: Reason | null
}

/** Answers where the link at a position leads; each is followed once. */
export function createLinkTargets(view: CommitView): (position: number) => LinkTarget {
  const known = new Map<number, LinkTarget>()
  return (position) => {
    const remembered = known.get(position)
    if (remembered !== undefined) return remembered
    const target = followLink(view, view.entry(position).path)
    known.set(position, target)
    return target
  }
}

function followLink(view: CommitView, path: string): LinkTarget {
  const because = `the link ${path} leads to it`
  const leadsTo = (positions: Positions, input: string, links: Positions): LinkTarget => ({
    target: createClaim({ positions, input, rule: 'symlink', because }),
    way: createClaim({ positions: links, input, rule: 'symlink', because: `the link ${path} leads through it` }),
    note: null,
  })
  const noted = (code: string, message: string): LinkTarget => ({
    target: null,
    way: null,
    note: reason(code, `the link ${path} ${message}`, { file: path }),
  })

  const destination = view.resolve(path)
  switch (destination.kind) {
    case 'file':
      return leadsTo([destination.position], view.entry(destination.position).path, destination.links)
    case 'directory': {
      if (isWithin(path, destination.path)) {
        return noted('symlink-to-parent', 'leads to a folder that it lies in: that folder is not taken whole')
      }
      const { start, end } = view.rangeBelow(destination.path)
      const below = Array.from({ length: end - start }, (_, offset) => start + offset)
      return leadsTo(below, everythingBelow(destination.path), destination.links)
    }
    case 'outside':
      return noted('symlink-outside', 'leads out of the repository')
    case 'loop':
      return noted('symlink-loop', 'leads back to itself')
    case 'missing':
      return noted('symlink-dangling', `leads to ${destination.path}, where there is nothing`)
    case 'unread':
      return { target: null, way: null, note: null }
  }
}
