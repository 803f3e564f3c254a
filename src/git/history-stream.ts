/** `HistoryStream` over the state's cache: a few long-lived git processes, and never more than a page in memory. */
import { createHash } from 'node:crypto'
import { type CommitId, isObjectId, type ObjectId, type RefName } from '../model/index.ts'
import type { HistoryStream, StreamedChange, StreamedCommit } from '../ports/index.ts'
import { noteOf } from './cache-repository.ts'
import { parseCommit } from './commit-object.ts'
import { readSignature } from './commit-signature.ts'
import type { StateCache, StateSession } from './state-cache.ts'
import { DamagedCache } from './state-files.ts'
import { parseFolder } from './tree-object.ts'

const pageSize = 1000
const changesTimeoutMs = 10 * 60_000
/** Ids of a million commits. */
const maxListingBytes = 128 * 1024 * 1024

export function historyStream(cache: StateCache, objectFormat: 'sha1' | 'sha256'): HistoryStream {
  return {
    async *pages(tip, files) {
      const ids = await cache.use((session) => listAll(session, tip))
      for (let at = 0; at < ids.length; at += pageSize) {
        yield await cache.use((session) => readPage(session, ids.slice(at, at + pageSize), files, objectFormat))
      }
    },
    changes: (commits) => cache.use((session) => readChanges(session, commits)),
    blobs: (ids) => cache.use((session) => readBlobs(session, ids)),
    blobId(pieces) {
      const hash = createHash(objectFormat)
      hash.update(`blob ${pieces.reduce((sum, piece) => sum + piece.length, 0)}\0`)
      for (const piece of pieces) hash.update(piece)
      return hash.digest('hex') as ObjectId // as git computes it
    },
    lastSeen: (refs) =>
      cache.use(async ({ reader }) => {
        const notes = await reader.info(refs.map(noteOf))
        return new Map(
          refs.flatMap((ref, index): Array<[RefName, CommitId]> => {
            const note = notes[index]
            return note?.type === 'commit' ? [[ref, note.id as CommitId]] : [] // its type was just checked
          }),
        )
      }),
  }
}

async function listAll({ git }: StateSession, tip: CommitId): Promise<CommitId[]> {
  const listing = await git.output(['rev-list', '--topo-order', '--reverse', tip, '--'], {
    timeoutMs: changesTimeoutMs,
    maxOutputBytes: maxListingBytes,
  })
  return listing.toString('latin1').split('\n').filter(isObjectId) as CommitId[] // rev-list lists commits
}

async function readPage(
  { reader }: StateSession,
  ids: readonly CommitId[],
  files: readonly string[],
  objectFormat: 'sha1' | 'sha256',
): Promise<StreamedCommit[]> {
  const objects = await reader.read(ids)
  const commits = objects.map((object, index) => {
    if (object?.type !== 'commit') throw new DamagedCache(`commit ${ids[index]} is missing`)
    const commit = parseCommit(object.id as CommitId, object.content) // its type was just checked
    return { ...commit, signature: readSignature(object.content, objectFormat) }
  })
  const trees = await reader.read(commits.map(({ tree }) => tree))
  const folders = trees.map((tree, index) => {
    if (tree?.type !== 'tree') throw new DamagedCache(`tree of ${ids[index]} is missing`)
    return parseFolder(tree.content, tree.id.length / 2)
  })
  const wanted = folders.flatMap((folder) => files.flatMap((file) => folder.get(file)?.oid ?? []))
  const blobs = await readBlobs({ reader }, wanted)
  return commits.map((commit, index): StreamedCommit => {
    const folder = folders[index] ?? new Map()
    const found = files.flatMap((file): Array<[string, string]> => {
      const text = blobs.get(folder.get(file)?.oid ?? '')
      return text === undefined ? [] : [[file, text]]
    })
    const roots = [...folder].map(([name, { oid }]) => [name, oid] as const)
    return { ...commit, files: Object.fromEntries(found), roots: Object.fromEntries(roots) }
  })
}

async function readBlobs(
  { reader }: Pick<StateSession, 'reader'>,
  ids: readonly ObjectId[],
): Promise<Map<ObjectId, string>> {
  const distinct = [...new Set(ids)]
  const objects = await reader.read(distinct)
  return new Map(
    objects.flatMap((object, index): Array<[ObjectId, string]> => {
      if (object === null) throw new DamagedCache(`${distinct[index]} is missing`)
      return object.type === 'blob' ? [[object.id, object.content.toString('utf8')]] : []
    }),
  )
}

/** `<commit>\0:<mode> <mode> <id> <id> <letter>\0<path>\0…` */
async function readChanges({ git }: StateSession, commits: readonly CommitId[]): Promise<StreamedChange[][]> {
  if (commits.length === 0) return []
  const output = await git.output(
    ['diff-tree', '--stdin', '--root', '--raw', '-r', '-z', '--no-renames', '--no-abbrev', '-m', '--first-parent'],
    { input: commits.map((commit) => `${commit}\n`).join(''), timeoutMs: changesTimeoutMs, maxOutputBytes: 1024 ** 3 },
  )
  const found = new Map<string, StreamedChange[]>(commits.map((commit) => [commit, []]))
  let current: StreamedChange[] = []
  const parts = output.toString('utf8').split('\0')
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? ''
    if (!part.startsWith(':')) {
      current = found.get(part.trim().slice(0, 64)) ?? current
      continue
    }
    const [, , before = '', after = ''] = part.split(' ')
    current.push({ path: parts[++at] ?? '', before: idOrNull(before), after: idOrNull(after) })
  }
  return commits.map((commit) => found.get(commit) ?? [])
}

const idOrNull = (id: string): ObjectId | null => (isObjectId(id) && !/^0+$/.test(id) ? id : null)
