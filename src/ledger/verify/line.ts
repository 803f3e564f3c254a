/** What the checks of all histories share: one unbroken line of commits, and who signed each. */
import type { CommitId, RefName } from '../../model/index.ts'
import { TrunklineError } from '../../model/index.ts'
import type { HistoryStream, StreamedCommit } from '../../ports/index.ts'
import { type Identified, identifyAsync } from '../trust/signed-commit.ts'
import type { Signers } from '../trust/signers.ts'
import { createReport, type RefReport } from './problem.ts'

export type VerifyOptions = {
  stream: HistoryStream
  signers: Signers | null
  ref: RefName
  /** Tips that this machine has seen before: they must be in the history still. */
  remembered: readonly CommitId[]
  /** Called with every commit. */
  onCommit?(): void
}

export function checkLine({ ref, remembered, onCommit }: VerifyOptions) {
  const report = createReport(ref)
  const order = new Map<CommitId, number>()
  let before: CommitId | null = null
  return {
    report,
    next(entry: StreamedCommit): void {
      onCommit?.()
      report.count()
      order.set(entry.id, order.size)
      const [parent = null] = entry.parents
      if (entry.parents.length > 1 || parent !== before) {
        report.wrong({
          ...{ commit: entry.id, seq: null, code: 'history-forked' },
          message: 'a history of state is one line, and here two come together',
          hint: `no Trunkline wrote it: git log --graph ${ref}`,
        })
      }
      before = entry.id
    },
    end(): RefReport {
      for (const tip of remembered) {
        if (order.has(tip)) continue
        report.wrong({
          ...{ commit: tip, seq: null, code: 'history-rewritten' },
          message: 'this machine has seen it here before, and the history does not hold it any more',
          hint: `somebody pushed with force: put it back with git push <remote> +${tip.slice(0, 12)}:${ref}, and forbid that at your git host`,
        })
      }
      return report.end(order)
    },
  }
}

/** Who signed the commits of a page, checked side by side; null for each where nobody asks. */
export async function identifyPage(
  { signers, ref }: VerifyOptions,
  page: readonly StreamedCommit[],
): Promise<Array<Identified | null>> {
  if (signers === null) return page.map(() => null)
  let floorMs = 0
  return await Promise.all(
    page.map((entry) => {
      const identified = identifyAsync(entry, { signers, ref, floorMs })
      floorMs = Math.max(floorMs, Date.parse(entry.committer.at))
      return identified
    }),
  )
}

/** What a document says, or the sentence about why it cannot be read. */
export function readAs<Document>(read: () => Document): Document | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof TrunklineError) return error.message
    throw error
  }
}
