/** A tree as git stores it: the entries of one folder. */
import { erroredError, type ObjectId } from '../model/index.ts'
import { decodePath } from '../model/path-bytes.ts'

/** Name to entry. */
export type Folder = ReadonlyMap<string, { oid: ObjectId; isFolder: boolean }>

/** The longest mode git writes has six digits. */
const longestMode = 6

/**
 * Parses the content of a tree object: `<mode> <name>\0<raw id>`, again and again. A remote may hold anything that it
 * calls a tree, and git hands it over unread: out of form it is errored `OBJECT_READ`.
 */
export function parseFolder(content: Buffer, idBytes: number): Folder {
  const entries = new Map<string, { oid: ObjectId; isFolder: boolean }>()
  let at = 0
  while (at < content.length) {
    const space = content.indexOf(0x20, at)
    const end = space === -1 ? -1 : content.indexOf(0, space)
    const next = end + 1 + idBytes
    if (end === -1 || space - at > longestMode || next > content.length) throw outOfForm()
    const mode = content.toString('latin1', at, space)
    const oid = content.toString('hex', end + 1, next) as ObjectId // raw bytes of an id as hex
    entries.set(decodePath(content.subarray(space + 1, end)), { oid, isFolder: mode === '40000' })
    at = next
  }
  return entries
}

const outOfForm = () =>
  erroredError('OBJECT_READ', 'a tree in the repository is out of form', { hint: 'git fsck tells which one' })
