/**
 * The signature in a commit, as git puts it there: a header whose value goes on in lines that begin with a space. It is
 * over the commit without that header.
 */
import type { CommitSignature } from '../ports/index.ts'

const names = { sha1: 'gpgsig', sha256: 'gpgsig-sha256' } as const
const newline = 0x0a
const space = 0x20

/** Reads it from a commit's content; null where there is none, or where it is not clear which one counts. */
export function readSignature(content: Buffer, objectFormat: 'sha1' | 'sha256'): CommitSignature | null {
  const headEnd = content.indexOf('\n\n')
  const end = headEnd === -1 ? content.length : headEnd + 1
  const found: string[] = []
  const kept: Buffer[] = []
  let keptFrom = 0
  for (let at = 0; at < end; ) {
    const next = headerEnd(content, at, end)
    const name = nameAt(content, at)
    if (name === names.sha1 || name === names.sha256) {
      if (name === names[objectFormat]) found.push(unfold(content.subarray(at + name.length + 1, next)))
      // Neither of the two is under the other: git leaves both out of what is signed.
      kept.push(content.subarray(keptFrom, at))
      keptFrom = next
    }
    at = next
  }
  const [armored] = found
  if (armored === undefined || found.length > 1) return null
  return { armored, payload: Buffer.concat([...kept, content.subarray(keptFrom)]) }
}

/** The content of the signed commit; `content` has no signature yet. */
export function withSignature(content: Buffer, armored: string, objectFormat: 'sha1' | 'sha256'): Buffer {
  const headEnd = content.indexOf('\n\n')
  const lines = armored.trimEnd().split('\n').join('\n ')
  const header = Buffer.from(`\n${names[objectFormat]} ${lines}`, 'latin1')
  return Buffer.concat([content.subarray(0, headEnd), header, content.subarray(headEnd)])
}

/** The same commit with another first parent. */
export function withParent(content: Buffer, parent: string): Buffer {
  const at = content.indexOf('\nparent ')
  const headEnd = content.indexOf('\n\n')
  if (at === -1 || at > headEnd) return content
  const end = content.indexOf('\n', at + 1)
  return Buffer.concat([content.subarray(0, at), Buffer.from(`\nparent ${parent}`), content.subarray(end)])
}

/** Where a header and the lines that go on with it end. */
function headerEnd(content: Buffer, from: number, end: number): number {
  let at = from
  for (;;) {
    const lineEnd = content.indexOf(newline, at)
    if (lineEnd === -1 || lineEnd + 1 >= end) return end
    at = lineEnd + 1
    if (content[at] !== space) return at
  }
}

function nameAt(content: Buffer, at: number): string {
  if (content[at] !== 0x67) return '' // no `g`
  const end = content.indexOf(space, at)
  return end === -1 || end - at > names.sha256.length ? '' : content.toString('latin1', at, end)
}

const unfold = (value: Buffer): string => value.toString('latin1').replaceAll('\n ', '\n')
