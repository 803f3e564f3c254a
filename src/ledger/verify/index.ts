/** The whole ledger, checked from its beginning: `trunkline verify-ledger`. */
import type { BuildRecord, CommitId, RefName } from '../../model/index.ts'
import type { HistoryStream } from '../../ports/index.ts'
import { parseDocument } from '../document.ts'
import { type Lease, leaseFile } from '../lease.ts'
import { environmentOf, stateRefs } from '../refs.ts'
import { leaseShape } from '../shapes/documents.ts'
import type { Signers } from '../trust/signers.ts'
import { checkLine, readAs, type VerifyOptions } from './line.ts'
import type { LedgerProblem, RefReport } from './problem.ts'
import { verifyEnvironment } from './verify-environment.ts'
import { verifyRecords, verifyYanks } from './verify-records.ts'

export type { LedgerProblem, RefReport } from './problem.ts'

export type LedgerCheck = {
  stream: HistoryStream
  signers: Signers | null
  prefix: string
  tips: ReadonlyMap<RefName, CommitId>
  /** Tips that this machine has seen before, by ref. */
  remembered: ReadonlyMap<RefName, readonly CommitId[]>
  onCommit?(): void
  onArtifact?(record: BuildRecord, commit: CommitId): void
}

/** Every ref under the prefix, in their order; refs that are gone are told as rewritten. */
export async function verifyLedger(check: LedgerCheck): Promise<RefReport[]> {
  const reports: RefReport[] = []
  for (const [ref, tip] of [...check.tips].sort(([left], [right]) => (left < right ? -1 : 1))) {
    reports.push(await verifyRef(check, ref, tip))
  }
  for (const [ref, tips] of check.remembered) {
    if (check.tips.has(ref) || ref.startsWith(stateRefs(check.prefix).lease(''))) continue
    const problems = tips.map(
      (tip): LedgerProblem => ({
        ...{ ref, commit: tip, seq: null, code: 'history-gone' },
        message: 'this machine has seen this ref before, and it is gone',
        hint: `put it back: git push <remote> ${tip.slice(0, 12)}:${ref}, and forbid its removal at your git host`,
      }),
    )
    reports.push({ ref, commits: 0, signedBy: {}, adoptedAt: null, problems })
  }
  return reports
}

async function verifyRef(check: LedgerCheck, ref: RefName, tip: CommitId): Promise<RefReport> {
  const refs = stateRefs(check.prefix)
  const { stream, signers, remembered, onCommit, onArtifact } = check
  const options: VerifyOptions = {
    ...{ stream, signers, ref, remembered: remembered.get(ref) ?? [] },
    ...(onCommit === undefined ? {} : { onCommit }),
  }
  const environment = environmentOf(refs, ref)
  if (environment !== null) return await verifyEnvironment(options, environment, tip)
  if (ref === refs.builds)
    return await verifyRecords({ ...options, ...(onArtifact === undefined ? {} : { onArtifact }) }, tip)
  if (ref === refs.yanks) return await verifyYanks(options, tip)
  return await verifyLease({ ...options, remembered: [] }, tip)
}

/** One commit without a parent, whose document is a lease on just this environment. Anything else does not belong here. */
async function verifyLease(options: VerifyOptions, tip: CommitId): Promise<RefReport> {
  const line = checkLine(options)
  for await (const page of options.stream.pages(tip, [leaseFile])) {
    for (const entry of page) {
      line.next(entry)
      const lease = readAs(() => parseDocument<Lease>(entry.files[leaseFile] ?? '', leaseFile, leaseShape))
      const message =
        typeof lease === 'string'
          ? lease
          : options.ref.endsWith(`/lease/${lease.environment}`)
            ? entry.parents.length === 0 && lease.epoch >= 1
              ? null
              : 'a lease has no history and an epoch from 1 on'
            : `it is a lease on ${lease.environment}`
      if (message === null) continue
      const hint = 'a lease holds nothing that lasts: remove the ref when nobody delivers'
      line.report.wrong({ commit: entry.id, seq: null, code: 'lease-broken', message, hint })
    }
  }
  return line.end()
}
