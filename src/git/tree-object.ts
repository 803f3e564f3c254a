/** A tree as git stores it: the entries of one folder. */
import type { ObjectId } from '../model/index.ts'
import { decodePath } from './path-bytes.ts'

/** Name to entry. */
export type Folder = ReadonlyMap<string, { oid: ObjectId; isFolder: boolean }>

/** Parses the content of a tree object: `<mode> <name>\0<raw id>`, again and again. */
export function parseFolder(content: Buffer, idBytes: number): Folder {
  const entries = new Map<string, { oid: ObjectId; isFolder: boolean }>()
  let at = 0
  while (at < content.length) {
    const space = content.indexOf(0x20, at)
    const end = content.indexOf(0, space)
    const mode = content.toString('latin1', at, space)
    const oid = content.toString('hex', end + 1, end + 1 + idBytes) as ObjectId // raw bytes of an id as hex
    entries.set(decodePath(content.subarray(space + 1, end)), { oid, isFolder: mode === '40000' })
    at = end + 1 + idBytes
  }
  return entries
}
