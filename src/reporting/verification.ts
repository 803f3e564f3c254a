/** `verify-ledger`: the whole history of all state, checked, and what came of it as data. */
import { type LedgerProblem, type RefReport, type Signers, verifyLedger } from '../ledger/index.ts'
import type { CommitId, Digest, RefName } from '../model/index.ts'
import type { ArtifactStore, HistoryStream } from '../ports/index.ts'

export type VerificationDocument = {
  ok: boolean
  /** Where the state is. */
  location: string
  /** Whether signatures were asked for. */
  signed: boolean
  commits: number
  /** The first thing that is wrong, in the order of refs and of their histories. */
  first: LedgerProblem | null
  problems: LedgerProblem[]
  refs: Array<Omit<RefReport, 'problems'>>
  /** Artifacts and provenance that were looked for; null where nobody asked. */
  artifacts: { checked: number; missing: number } | null
}

export type VerificationOptions = {
  location: string
  stream: HistoryStream
  signers: Signers | null
  prefix: string
  tips: ReadonlyMap<RefName, CommitId>
  remembered: ReadonlyMap<RefName, readonly CommitId[]>
  /** Where what the records name must be. */
  artifacts: ArtifactStore | null
  signal: AbortSignal
  onCommit?(): void
}

/** Questions to the artifact store at a time. */
const concurrency = 16

export async function verificationOf(options: VerificationOptions): Promise<VerificationDocument> {
  const { location, signers, artifacts, signal, ...check } = options
  const named = new Map<Digest, CommitId>()
  const reports = await verifyLedger({
    ...check,
    signers,
    onCommit() {
      signal.throwIfAborted()
      options.onCommit?.()
    },
    onArtifact(record, commit) {
      named.set(record.artifact, commit)
      if (record.provenance !== null) named.set(record.provenance, commit)
    },
  })
  const missing = artifacts === null ? [] : await missingOf(artifacts, named, `${options.prefix}/builds`, signal)
  const problems = [...reports.flatMap((report) => report.problems), ...missing]
  return {
    ok: problems.length === 0,
    location,
    signed: signers !== null,
    commits: reports.reduce((sum, report) => sum + report.commits, 0),
    first: problems[0] ?? null,
    problems,
    refs: reports.map(({ problems: _, ...report }) => report),
    artifacts: artifacts === null ? null : { checked: named.size, missing: missing.length },
  }
}

async function missingOf(
  artifacts: ArtifactStore,
  named: ReadonlyMap<Digest, CommitId>,
  ref: RefName,
  signal: AbortSignal,
): Promise<LedgerProblem[]> {
  const missing: LedgerProblem[] = []
  const left = [...named]
  const look = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [digest, commit] = next
      if (await artifacts.has(digest, signal)) continue
      missing.push({
        ...{ ref, commit, seq: null, code: 'artifact-missing' },
        message: `${digest} is on record and not at ${artifacts.location}`,
        hint: 'bring it back from a copy of the store, or build it again: trunkline deploy of its commit to the first environment',
      })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, look))
  return missing
}
