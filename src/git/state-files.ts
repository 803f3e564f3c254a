/**
 * Files of state commits, read strictly: an absent path is absent because its folder says so. An object that a folder
 * names and that is not there means a damaged cache, never an absent file: a ban must not vanish with a bad disk block.
 */
import type { CommitId, ObjectId } from '../model/index.ts'
import type { ObjectName, ObjectReader, StoredObject } from './object-reader.ts'
import { type Folder, parseFolder } from './tree-object.ts'

/** The cache lacks what it must have: throw it away and fetch again. */
export class DamagedCache extends Error {
  override name = 'DamagedCache'
}

/** Files by commit, in the order of the commits; in as few turns as paths are deep, however many they are. */
export async function readStateFiles(
  reader: ObjectReader,
  commits: readonly CommitId[],
  paths: readonly string[],
): Promise<Array<Map<string, string>>> {
  const roots = await readAll(
    reader,
    commits.map((commit) => `${commit}^{tree}`),
  )
  const searches = roots.flatMap((root, commit) =>
    paths.map((path): Search => ({ commit, path, parts: path.split('/'), at: root.id })),
  )
  const folders = new Map(roots.map((root) => [root.id, parse(root)]))
  const found = await descend(reader, searches, folders)

  const blobs = await readDistinct(
    reader,
    found.map(({ at }) => at),
  )
  const files = commits.map(() => new Map<string, string>())
  for (const { commit, path, at } of found) {
    const blob = blobs.get(at)
    if (blob?.type === 'blob') files[commit]?.set(path, blob.content.toString('utf8'))
  }
  return files
}

/** Paths of all files in a folder and below it, a level a turn. */
export async function listStateFiles(reader: ObjectReader, commit: CommitId, folder: string): Promise<string[]> {
  const [root] = await readAll(reader, [`${commit}^{tree}`])
  let open = root === undefined ? [] : [{ path: '', entries: parse(root) }]
  const parts = folder.split('/')
  const files: string[] = []
  for (let depth = 0; open.length > 0; depth += 1) {
    const deeper: Array<{ path: string; oid: ObjectId }> = []
    for (const { path, entries } of open) {
      for (const [name, { oid, isFolder }] of entries) {
        const within = path === '' ? name : `${path}/${name}`
        if (depth < parts.length && name !== parts[depth]) continue
        if (isFolder) deeper.push({ path: within, oid })
        else if (depth >= parts.length) files.push(within)
      }
    }
    const folders = await readDistinct(
      reader,
      deeper.map(({ oid }) => oid),
    )
    open = deeper.flatMap(({ path, oid }) => {
      const object = folders.get(oid)
      return object === undefined ? [] : [{ path, entries: parse(object) }]
    })
  }
  return files
}

/** A path on its way down: `at` is the folder to look into, and at the end the file. */
type Search = { commit: number; path: string; parts: readonly string[]; at: ObjectId }

/** One level a turn, for all searches together. Answers those that ended at a file. */
async function descend(
  reader: ObjectReader,
  searches: readonly Search[],
  folders: Map<ObjectId, Folder>,
): Promise<Search[]> {
  const found: Search[] = []
  let open = searches
  while (open.length > 0) {
    const deeper: Search[] = []
    for (const search of open) {
      const [name = '', ...rest] = search.parts
      const entry = folders.get(search.at)?.get(name)
      if (!entry) continue
      if (rest.length === 0 && !entry.isFolder) found.push({ ...search, at: entry.oid })
      if (rest.length > 0 && entry.isFolder) deeper.push({ ...search, parts: rest, at: entry.oid })
    }
    const unread = deeper.map(({ at }) => at).filter((id) => !folders.has(id))
    for (const [id, object] of await readDistinct(reader, unread)) folders.set(id, parse(object))
    open = deeper
  }
  return found
}

const parse = ({ id, content }: StoredObject): Folder => parseFolder(content, id.length / 2)

async function readDistinct(reader: ObjectReader, ids: readonly ObjectId[]): Promise<Map<ObjectId, StoredObject>> {
  const distinct = [...new Set(ids)]
  const objects = await readAll(reader, distinct)
  return new Map(objects.map((object) => [object.id, object]))
}

async function readAll(reader: ObjectReader, names: readonly ObjectName[]): Promise<StoredObject[]> {
  const objects = await reader.read(names)
  return objects.map((object, index) => {
    if (object === null) throw new DamagedCache(`${String(names[index])} is missing`)
    return object
  })
}
