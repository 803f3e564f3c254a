/** What is to be done so that a site becomes what it should be: pure. */
import { posix } from 'node:path'
import type { SiteRun } from '../../model/index.ts'
import { isDocument } from './content-type.ts'
import type { WantedFile, WantedFiles } from './files.ts'
import type { Live } from './objects.ts'
import type { Pending, SiteRecord } from './record.ts'

export type Changes = {
  /** Brought one group after the other, so that no document asks for what is not there yet. */
  uploads: WantedFile[][]
  /** Documents that are no more. */
  goneDocuments: string[]
  /** Other files that nobody asks for any more. */
  leftovers: string[]
  kept: string[]
  /** null: nothing is to be done. */
  pending: Pending | null
}

type Given = {
  record: SiteRecord
  live: Live
  wanted: WantedFiles
  run: SiteRun
  next: { generation: string; artifact: string }
}

export function changesFor({ record, live, wanted, run, next }: Given): Changes {
  const changed = [...wanted.values()].filter((file) => !isBrought(record, live, file))
  const kept = keptOf(record, wanted, next.generation)
  const stays = new Set([...wanted.keys(), ...kept])
  const known = new Set([...Object.keys(record.files), ...record.kept, ...(record.pending?.touched ?? [])])
  const gone = [...known].filter((path) => !stays.has(path) && live.has(path)).sort()
  const isSeen = ({ path }: WantedFile) => isDocument(path) || live.has(path) || Object.hasOwn(record.files, path)
  const touched = [...changed.map(({ path }) => path), ...gone]
  return {
    uploads: inOrder(changed, run),
    goneDocuments: gone.filter(isDocument),
    leftovers: gone.filter((path) => !isDocument(path)),
    kept,
    pending: pendingFor(record, next, touched, [...changed.filter(isSeen).map(({ path }) => path), ...gone]),
  }
}

function isBrought({ files }: SiteRecord, live: Live, { path, sha256, type, cache }: WantedFile): boolean {
  const file = Object.hasOwn(files, path) ? files[path] : undefined
  if (file === undefined || live.get(path) !== file.etag) return false
  return file.sha256 === sha256 && file.type === type && file.cache === cache
}

/** Files of what ran before, documents aside; what is brought back to where it was keeps what it kept. */
function keptOf(record: SiteRecord, wanted: WantedFiles, generation: string): string[] {
  const isBack = record.settled?.generation === generation
  const before = isBack ? record.kept : Object.keys(record.files)
  return before.filter((path) => !wanted.has(path) && !isDocument(path)).sort()
}

function inOrder(changed: readonly WantedFile[], { index, notFound }: SiteRun): WantedFile[][] {
  const groups: [WantedFile[], WantedFile[], WantedFile[], WantedFile[]] = [[], [], [], []]
  for (const file of changed) groups[rankOf(file, index, notFound)].push(file)
  return groups.filter((group) => group.length > 0)
}

function rankOf({ path, cache }: WantedFile, index: string, notFound: string | null): 0 | 1 | 2 | 3 {
  if (posix.basename(path) === posix.basename(index) || path === notFound) return 3
  if (isDocument(path)) return 2
  return cache.includes('immutable') ? 0 : 1
}

/**
 * A repeat of what was begun has its number, and so its invalidation. One that was left halfway by another may have
 * shown anything of what it touched.
 */
function pendingFor(
  { pending, rollouts }: SiteRecord,
  next: Given['next'],
  touched: readonly string[],
  seen: readonly string[],
): Pending | null {
  if (touched.length === 0 && pending === null) return null
  const before = new Set(pending?.touched)
  const isRepeat = pending?.generation === next.generation && pending.artifact === next.artifact
  const begun = isRepeat ? pending.invalidate : (pending?.touched ?? [])
  const added = isRepeat ? seen.filter((path) => !before.has(path)) : seen
  return {
    ...next,
    number: isRepeat && added.length === 0 ? pending.number : rollouts + 1,
    touched: [...new Set([...before, ...touched])].sort(),
    invalidate: [...new Set([...begun, ...added])].sort(),
  }
}
