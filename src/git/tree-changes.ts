/** What `git diff-tree -r -z` prints, read as bytes. */
import { type EntryMode, erroredError, type ObjectId, type PathChange, type TreeEntry } from '../model/index.ts'
import { decodePath } from '../model/path-bytes.ts'

const cutShort = (command: string) => erroredError('OBJECT_READ', `what git ${command} printed was cut short`)

/** Parses `:<mode> <mode> <id> <id> <status>\0<path>\0…` into changes sorted by path. */
export function parseChanges(output: Buffer): PathChange[] {
  const changes: PathChange[] = []
  let at = 0
  while (at < output.length) {
    const headEnd = output.indexOf(0, at)
    const end = output.indexOf(0, headEnd + 1)
    if (headEnd === -1 || end === -1) throw cutShort('diff-tree')
    const [fromMode = '', toMode = '', fromId = '', toId = ''] = output.toString('latin1', at + 1, headEnd).split(' ')
    const path = pathBetween(output, headEnd + 1, end)
    const from = entryOf(path, fromMode, fromId)
    const to = entryOf(path, toMode, toId)
    changes.push({ path, kind: changeKind(from, to), from, to })
    at = end + 1
  }
  return changes.sort(byPath)
}

const byPath = (left: { path: string }, right: { path: string }) =>
  left.path < right.path ? -1 : left.path > right.path ? 1 : 0

/** ASCII, which most paths are, needs no decoding. */
function pathBetween(output: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if ((output[at] ?? 0) >= 0x80) return decodePath(output.subarray(start, end))
  }
  return output.toString('latin1', start, end)
}

function entryOf(path: string, mode: string, id: string): TreeEntry | null {
  return mode === '000000' ? null : { path, mode: entryMode(mode), oid: id as ObjectId } // git prints full ids
}

function changeKind(from: TreeEntry | null, to: TreeEntry | null): PathChange['kind'] {
  if (from === null) return 'added'
  if (to === null) return 'removed'
  return from.oid === to.oid ? 'mode-changed' : 'modified'
}

/** Old git wrote 100664 for what is 100644 today. */
function entryMode(mode: string): EntryMode {
  if (mode === '100755') return 'executable'
  if (mode === '120000') return 'symlink'
  if (mode === '160000') return 'submodule'
  return 'file'
}
