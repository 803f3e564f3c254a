/** Build, check, commit and release records under `refs/trunkline/builds`: written once, first writer wins. */
import type {
  BuildRecord,
  CheckRecord,
  CommitId,
  CommitRecord,
  Digest,
  InputHash,
  ObjectId,
  Release,
  ReleaseId,
} from '../model/index.ts'
import { erroredError, short } from '../model/index.ts'
import type { StateCommit, StateUpdate } from '../ports/index.ts'
import { deployFileEntry } from './deploy-files.ts'
import { assertStandsFor, formatDocument, parseDocument } from './document.ts'
import type { Ledger, Snapshot } from './ledger.ts'
import { buildRecordShape, checkRecordShape, commitRecordShape, releaseShape } from './shapes/documents.ts'

export type Records = {
  builds: ReadonlyMap<InputHash, BuildRecord>
  checks: ReadonlyMap<InputHash, CheckRecord>
}

/** What one delivery learned; appended in one commit. */
export type NewRecords = {
  builds: BuildRecord[]
  checks: CheckRecord[]
  release: Release | null
  commit: CommitRecord | null
  /** What the release is deployed by. */
  files?: ReadonlyMap<ObjectId, Uint8Array>
}

const sharded = (kind: string, key: string): string => {
  const hex = key.replace(/^sha256:/, '')
  return `${kind}/${hex.slice(0, 2)}/${hex}.json`
}
const buildPath = (hash: InputHash) => sharded('builds', hash)
const checkPath = (hash: InputHash) => sharded('checks', hash)
const releasePath = (id: ReleaseId) => sharded('releases', id)
const commitPath = (id: CommitId) => sharded('commits', id)

/** The record of one input hash. A record that is about other inputs, and was copied here, is none. */
export function parseBuildRecord(text: string, hash: InputHash): BuildRecord {
  const place = `build record ${short(hash)}`
  const record = parseDocument<BuildRecord>(text, place, buildRecordShape)
  assertStandsFor(place, record.inputHash, hash, 'input hash')
  return record
}

export function parseCheckRecord(text: string, hash: InputHash): CheckRecord {
  const place = `check record ${short(hash)}`
  const record = parseDocument<CheckRecord>(text, place, checkRecordShape)
  assertStandsFor(place, record.checkHash, hash, 'check hash')
  return record
}

export function parseCommitRecord(text: string, commit: CommitId): CommitRecord {
  const place = `record of commit ${short(commit)}`
  const record = parseDocument<CommitRecord>(text, place, commitRecordShape)
  assertStandsFor(place, record.commit, commit, 'commit')
  return record
}

export function parseRelease(text: string, id: ReleaseId): Release {
  const place = `release ${short(id)}`
  const release = parseDocument<Release>(text, place, releaseShape)
  assertStandsFor(place, release.id, id, 'release')
  return release
}

export async function readRecords(
  ledger: Ledger,
  snapshot: Snapshot,
  keys: { builds: readonly InputHash[]; checks: readonly InputHash[] },
): Promise<Records> {
  const builds = new Map<InputHash, BuildRecord>()
  const checks = new Map<InputHash, CheckRecord>()
  const { base: tip } = await ledger.records(snapshot)
  if (tip === null) return { builds, checks }
  const files = await ledger.store.readFiles(tip, [...keys.builds.map(buildPath), ...keys.checks.map(checkPath)])
  for (const hash of keys.builds) {
    const text = files.get(buildPath(hash))
    if (text !== undefined) builds.set(hash, parseBuildRecord(text, hash))
  }
  for (const hash of keys.checks) {
    const text = files.get(checkPath(hash))
    if (text !== undefined) checks.set(hash, parseCheckRecord(text, hash))
  }
  return { builds, checks }
}

/** Every build on record. */
export async function readAllBuilds(ledger: Ledger, snapshot: Snapshot): Promise<BuildRecord[]> {
  const { base: tip } = await ledger.records(snapshot)
  if (tip === null) return []
  const paths = await ledger.store.listFiles(tip, 'builds')
  const files = await ledger.store.readFiles(tip, paths)
  return [...files].flatMap(([path, text]) => {
    const hash = /^builds\/[0-9a-f]{2}\/([0-9a-f]{64})\.json$/.exec(path)?.[1]
    return hash === undefined ? [] : [parseBuildRecord(text, hash as InputHash)] // the path says that it is one
  })
}

export async function readCommitRecord(
  ledger: Ledger,
  snapshot: Snapshot,
  commit: CommitId,
): Promise<CommitRecord | null> {
  const text = await readOne(ledger, snapshot, commitPath(commit))
  return text === null ? null : parseCommitRecord(text, commit)
}

export async function readRelease(ledger: Ledger, snapshot: Snapshot, id: ReleaseId): Promise<Release | null> {
  const text = await readOne(ledger, snapshot, releasePath(id))
  return text === null ? null : parseRelease(text, id)
}

async function readOne(ledger: Ledger, snapshot: Snapshot, path: string): Promise<string | null> {
  const { base: tip } = await ledger.records(snapshot)
  if (tip === null) return null
  return (await ledger.store.readFiles(tip, [path])).get(path) ?? null
}

export type RecordResult =
  /** `commit` is the commit's record as it stands: the one given, or an earlier one that is never recomputed. */
  | { kind: 'recorded'; commit: CommitRecord | null }
  /** Someone built the same inputs first: their bytes count (invariant 1). */
  | { kind: 'beaten'; builds: ReadonlyMap<InputHash, Digest> }

/** A red verdict may be replaced by a later green one (a retry); everything else is written once. */
const mayReplace = (before: CheckRecord | undefined, after: CheckRecord): boolean =>
  before === undefined || (before.verdict === 'red' && after.verdict === 'green')

/**
 * Appends what is new in one commit. Where another machine recorded a build of the same inputs with other bytes first,
 * nothing is written and the winner's digests are answered: the caller composes its release from those and tries again.
 */
export async function writeRecords(
  ledger: Ledger,
  news: NewRecords,
  author: { name: string; email: string },
  signal: AbortSignal,
): Promise<RecordResult> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const snapshot = await ledger.refresh(signal)
    const known = await readRecords(ledger, snapshot, {
      builds: news.builds.map((build) => build.inputHash),
      checks: news.checks.map((check) => check.checkHash),
    })
    const beaten = new Map<InputHash, Digest>()
    const put: Record<string, string> = {}
    for (const build of news.builds) {
      const winner = known.builds.get(build.inputHash)
      if (winner === undefined) put[buildPath(build.inputHash)] = formatDocument(build)
      else if (winner.artifact !== build.artifact) beaten.set(build.inputHash, winner.artifact)
    }
    if (beaten.size > 0) return { kind: 'beaten', builds: beaten }
    for (const check of news.checks) {
      if (mayReplace(known.checks.get(check.checkHash), check)) put[checkPath(check.checkHash)] = formatDocument(check)
    }
    if (news.release !== null && (await readRelease(ledger, snapshot, news.release.id)) === null) {
      put[releasePath(news.release.id)] = formatDocument(news.release)
      for (const [oid, bytes] of news.files ?? []) {
        const [path, content] = deployFileEntry(oid, bytes)
        put[path] = content
      }
    }
    let { commit } = news
    if (commit !== null) {
      const before = await readCommitRecord(ledger, snapshot, commit.commit)
      if (before?.outcome === 'released') commit = before
      else put[commitPath(commit.commit)] = formatDocument(commit)
    }
    if (Object.keys(put).length === 0) return { kind: 'recorded', commit }
    const expected = snapshot.get(ledger.refs.builds) ?? null
    const { base } = await ledger.records(snapshot)
    const batch: StateCommit = { ...recordMessage(news), author, at: ledger.at(), put, remove: [] }
    const commits = await ledger.trust.sign(
      ledger.refs.builds,
      // What was pushed in between and is not signed by a builder is not carried along.
      [base === expected ? batch : { ...batch, base }],
      ['builder'],
    )
    const update: StateUpdate = { ref: ledger.refs.builds, expected, change: { kind: 'append', commits } }
    const result = await ledger.store.push([update], signal)
    if (result.kind === 'pushed') return { kind: 'recorded', commit }
  }
  throw erroredError('RECORDS_BUSY', 'the build records moved twenty times in a row', { hint: 'run it again' })
}

function recordMessage(news: NewRecords) {
  const parts: string[] = []
  if (news.builds.length > 0) parts.push(`${news.builds.length} built`)
  if (news.checks.length > 0) parts.push(`${news.checks.length} checked`)
  const what = parts.length > 0 ? parts.join(', ') : 'nothing new to build'
  const commit = news.commit === null ? '' : `${news.commit.commit.slice(0, 7)}: `
  return {
    subject: `${commit}${news.commit?.outcome === 'failed' ? 'no release, ' : ''}${what}`,
    body: news.builds.map((build) => `- ${build.service} ${build.artifact}`).join('\n'),
    trailers: [
      ...(news.commit === null ? [] : [['Commit', news.commit.commit] as const]),
      ...(news.release === null ? [] : [['Release', news.release.id] as const]),
    ],
  }
}
