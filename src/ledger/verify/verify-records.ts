/** Records: each under its own key, written once, signed by a builder. And bans, one change a commit. */
import { canonicalJson, digestOf } from '../../hashing/index.ts'
import type {
  BuildRecord,
  CheckRecord,
  CommitId,
  CommitRecord,
  InputHash,
  Release,
  ReleaseId,
  Yank,
} from '../../model/index.ts'
import { erroredError } from '../../model/index.ts'
import type { StreamedChange, StreamedCommit } from '../../ports/index.ts'
import { parseDocument } from '../document.ts'
import { parseBuildRecord, parseCheckRecord, parseCommitRecord, parseRelease } from '../records.ts'
import { yanksShape } from '../shapes/documents.ts'
import type { Identified } from '../trust/signed-commit.ts'
import { whoOf } from '../trust/who-may.ts'
import { mergeYank, subjectKey } from '../yank-list.ts'
import { checkLine, identifyPage, readAs, type VerifyOptions } from './line.ts'
import type { RefReport } from './problem.ts'

/** `onArtifact` hears of every artifact and provenance that a record which counts names. */
export type RecordOptions = VerifyOptions & { onArtifact?(record: BuildRecord, commit: CommitId): void }

const adoptHint =
  'records that no builder signed count for nothing: git show has them. To have them behind you: trunkline adopt --all --yes'

export async function verifyRecords(options: RecordOptions, tip: CommitId): Promise<RefReport> {
  const { stream } = options
  const line = checkLine(options)
  const { report } = line
  /** Paths that an unsigned commit touched: the next builder's commit puts them back. */
  const disturbed = new Set<string>()
  for await (const page of stream.pages(tip, [])) {
    const [identified, changes] = await Promise.all([
      identifyPage(options, page),
      stream.changes(page.map(({ id }) => id)),
    ])
    const ids = changes.flat().flatMap(({ before, after }) => [before, after].filter((id) => id !== null))
    const texts = await stream.blobs(ids)
    for (const [index, entry] of page.entries()) {
      line.next(entry)
      const found = identified[index] ?? null
      const why = whyNoBuilder(found)
      const list = why === null ? report.wrong : report.unsigned
      const tell = (code: string, message: string, hint = `look at it: git show ${entry.id.slice(0, 12)}`) =>
        list({ commit: entry.id, seq: null, code, message, hint })
      if (why !== null) tell(why.code, `it counts for nothing: ${why.message}`, adoptHint)
      for (const change of changes[index] ?? []) {
        if (why !== null) disturbed.add(change.path)
        const isPutBack = why === null && disturbed.delete(change.path)
        const wrong =
          isPutBack && change.after === null
            ? null
            : whatIsWrong(isPutBack ? { ...change, before: null } : change, texts, options, entry)
        if (wrong !== null) tell(wrong.code, wrong.message)
      }
      if (why === null && found?.kind === 'signed') report.signed(whoOf({ ...found.by, emails: [] }))
      if (why === null && found !== null && entry.subject.startsWith('adopt ')) {
        disturbed.clear()
        report.adopted(entry.id)
      }
    }
  }
  return line.end()
}

const whyNoBuilder = (found: Identified | null): { code: string; message: string } | null => {
  if (found === null) return null
  if (found.kind === 'void') return found.why
  return found.by.builder === null
    ? { code: 'signed-by-no-builder', message: `${whoOf(found.by)} signed it, who is no builder` }
    : null
}

type Wrong = { code: string; message: string }

function whatIsWrong(
  { path, before, after }: StreamedChange,
  texts: ReadonlyMap<string, string>,
  options: RecordOptions,
  entry: StreamedCommit,
): Wrong | null {
  if (after === null) return { code: 'record-removed', message: `${path} is removed: records stay` }
  const record = readAs(() => parseRecord(path, texts.get(after) ?? ''))
  if (typeof record === 'string') return { code: 'record-unreadable', message: `${path}: ${record}` }
  if (record.kind === 'build') options.onArtifact?.(record.record, entry.id)
  if (before === null) return null
  const old = readAs(() => parseRecord(path, texts.get(before) ?? ''))
  const mayBe = typeof old === 'string' || mayReplace(old, record)
  return mayBe ? null : { code: 'record-changed', message: `${path} is changed: records are written once` }
}

type AnyRecord =
  | { kind: 'build'; record: BuildRecord }
  | { kind: 'check'; record: CheckRecord }
  | { kind: 'commit'; record: CommitRecord }
  | { kind: 'release'; record: Release }

/** A red verdict may turn green, and a commit that failed may be released after all. */
const mayReplace = (before: AnyRecord, after: AnyRecord): boolean =>
  (before.kind === 'check' && after.kind === 'check' && before.record.verdict === 'red') ||
  (before.kind === 'commit' && before.record.outcome === 'failed') ||
  canonicalJson(before) === canonicalJson(after)

/** Throws where its path is not that of its key, or it does not read. */
function parseRecord(path: string, text: string): AnyRecord {
  const [, kind = '', shard = '', key = ''] = /^([a-z]+)\/([0-9a-f]{2})\/([0-9a-f]+)\.json$/.exec(path) ?? []
  if (!key.startsWith(shard) || key === '') throw erroredError('STATE_UNREADABLE', 'its path is not that of a record')
  switch (kind) {
    // The brands: each parser makes sure that the record is about this very key.
    case 'builds':
      return { kind: 'build', record: parseBuildRecord(text, key as InputHash) }
    case 'checks':
      return { kind: 'check', record: parseCheckRecord(text, key as InputHash) }
    case 'commits':
      return { kind: 'commit', record: parseCommitRecord(text, key as CommitId) }
    case 'releases': {
      const { id, ...content } = parseRelease(text, key as ReleaseId)
      if (digestOf('release', content) !== id)
        throw erroredError('STATE_UNREADABLE', 'its id is not that of its content')
      return { kind: 'release', record: { id, ...content } }
    }
    default:
      throw erroredError('STATE_UNREADABLE', 'its path is not that of a record')
  }
}

export async function verifyYanks(options: VerifyOptions, tip: CommitId): Promise<RefReport> {
  const line = checkLine(options)
  const { report } = line
  let counted: Yank[] = []
  for await (const page of options.stream.pages(tip, ['yanks.json'])) {
    const identified = await identifyPage(options, page)
    for (const [index, entry] of page.entries()) {
      line.next(entry)
      const found = identified[index] ?? null
      const list = readAs(
        () =>
          parseDocument<{ version: 1; yanks: Yank[] }>(entry.files['yanks.json'] ?? '', 'yanks.json', yanksShape).yanks,
      )
      const isAdoption = entry.subject.startsWith('adopt ')
      const why = typeof list === 'string' ? null : whyNotBanned(found, list, counted, isAdoption)
      const tell = why === null ? report.wrong : report.unsigned
      const at = { commit: entry.id, seq: null, hint: `look at it: git show ${entry.id.slice(0, 12)}` }
      if (why !== null) tell({ ...at, code: why.code, message: `it counts for nothing: ${why.message}` })
      if (typeof list === 'string') {
        tell({ ...at, code: 'yanks-unreadable', message: list })
        continue
      }
      const changed = changedIn(list, counted)
      const [yank] = changed
      const expected = yank === undefined ? counted : mergeYank(counted, yank)
      if (why === null && !isAdoption && (changed.length > 1 || canonicalJson(expected) !== canonicalJson(list)))
        tell({ ...at, code: 'yanks-tampered', message: 'it changes more than one ban, or not as a ban is changed' })
      if (why !== null) continue
      counted = list
      if (found?.kind === 'signed') report.signed(whoOf(found.by))
      if (isAdoption && found !== null) report.adopted(entry.id)
    }
  }
  return line.end()
}

const changedIn = (list: readonly Yank[], before: readonly Yank[]): Yank[] => {
  const known = new Map(before.map((yank) => [subjectKey(yank), canonicalJson(yank)]))
  return list.filter((yank) => known.get(subjectKey(yank)) !== canonicalJson(yank))
}

function whyNotBanned(found: Identified | null, list: readonly Yank[], before: readonly Yank[], isAdoption: boolean) {
  if (found === null) return null
  if (found.kind === 'void') return found.why
  const { builder, emails } = found.by
  if (isAdoption) return builder === null ? whyNoBuilder(found) : null
  for (const { yanked, actor } of changedIn(list, before)) {
    if (emails.includes(actor.email.toLowerCase()) || (builder !== null && yanked)) continue
    return {
      code: 'signed-by-another',
      message: `it is in the name of ${actor.email}, and signed by ${whoOf(found.by)}`,
    }
  }
  return null
}
