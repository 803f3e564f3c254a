/** What is wrong with a history, and where. */
import type { CommitId, RefName } from '../../model/index.ts'

export type LedgerProblem = {
  ref: RefName
  commit: CommitId | null
  /** Of an event; null elsewhere. */
  seq: number | null
  /** Searchable, in kebab-case: `state-tampered`, `signature-missing`. */
  code: string
  message: string
  hint: string
}

/** What one ref came to. */
export type RefReport = {
  ref: RefName
  commits: number
  /** Commits whose signature counts, by who signed. */
  signedBy: Record<string, number>
  /** Commits that need no signature: a builder vouched for them later, at this commit. */
  adoptedAt: CommitId | null
  problems: LedgerProblem[]
}

const maxProblems = 100

/** Collects what is wrong with one ref; an adoption makes missing signatures below it good. */
export function createReport(ref: RefName) {
  const wrong: LedgerProblem[] = []
  let unsigned: LedgerProblem[] = []
  const report = { ref, commits: 0, signedBy: {} as Record<string, number>, adoptedAt: null as CommitId | null }
  const add = (list: LedgerProblem[], problem: Omit<LedgerProblem, 'ref'>) => {
    if (list.length < maxProblems) list.push({ ref, ...problem })
  }
  return {
    count: () => report.commits++,
    signed(who: string) {
      report.signedBy[who] = (report.signedBy[who] ?? 0) + 1
    },
    adopted(commit: CommitId) {
      unsigned = []
      report.adoptedAt = commit
    },
    /** Wrong whoever vouches for it. */
    wrong: (problem: Omit<LedgerProblem, 'ref'>) => add(wrong, problem),
    /** Wrong unless a builder vouches for it later. */
    unsigned: (problem: Omit<LedgerProblem, 'ref'>) => add(unsigned, problem),
    end: (order: ReadonlyMap<CommitId, number>): RefReport => ({
      ...report,
      problems: [...wrong, ...unsigned].sort((left, right) => placeOf(order, left) - placeOf(order, right)),
    }),
  }
}

export type Report = ReturnType<typeof createReport>

const placeOf = (order: ReadonlyMap<CommitId, number>, { commit }: LedgerProblem): number =>
  commit === null ? Number.MAX_SAFE_INTEGER : (order.get(commit) ?? Number.MAX_SAFE_INTEGER)
