/** A commit as git stores it, as data. */
import { type Commit, type CommitId, erroredError, isObjectId, type ObjectId, type Signature } from '../model/index.ts'

/** Parses the content of a commit object. Parents are the true ones, whatever a shallow clone pretends. Errored `OBJECT_READ`. */
export function parseCommit(id: CommitId, content: Buffer): Commit {
  const headEnd = content.indexOf('\n\n')
  const head = content.subarray(0, headEnd === -1 ? content.length : headEnd).toString('latin1')
  const headers = parseHeaders(head)
  const encoding = headers.find(([name]) => name === 'encoding')?.[1]
  const decode = decoderOf(encoding)
  const header = (name: string) => headers.find(([key]) => key === name)?.[1] ?? ''
  const text = (latin1: string) => decode(Buffer.from(latin1, 'latin1'))
  const message = headEnd === -1 ? '' : decode(content.subarray(headEnd + 2))
  return {
    id,
    tree: objectId(header('tree')),
    parents: headers.filter(([name]) => name === 'parent').map(([, value]) => objectId(value) as CommitId), // parents are commits
    author: parseSignature(text(header('author'))),
    committer: parseSignature(text(header('committer'))),
    ...splitMessage(message),
  }
}

/** Continuation lines (signatures) begin with a space; none of them matters here. */
function parseHeaders(head: string): Array<readonly [name: string, value: string]> {
  return head
    .split('\n')
    .filter((line) => !line.startsWith(' '))
    .map((line) => {
      const space = line.indexOf(' ')
      return [line.slice(0, space), line.slice(space + 1)] as const
    })
}

const utf8 = new TextDecoder()

function decoderOf(encoding: string | undefined): (bytes: Uint8Array) => string {
  // Nearly always; making a decoder costs more than reading with it.
  if (encoding === undefined) return (bytes) => utf8.decode(bytes)
  try {
    const decoder = new TextDecoder(encoding)
    return (bytes) => decoder.decode(bytes)
  } catch {
    // An encoding nobody knows: better a few wrong letters than no commit.
    return (bytes) => Buffer.from(bytes).toString('latin1')
  }
}

function objectId(text: string): ObjectId {
  if (isObjectId(text)) return text
  throw erroredError('OBJECT_READ', `a commit names ${JSON.stringify(text.slice(0, 80))} where an object id belongs`, {
    hint: 'git fsck tells which one',
  })
}

/** The first paragraph is the subject, as `git log --format=%s` has it. */
function splitMessage(message: string): { subject: string; body: string } {
  const text = message.replace(/^\n+/, '').trimEnd()
  const end = text.search(/\n\s*\n/)
  if (end === -1) return { subject: text.replaceAll('\n', ' '), body: '' }
  return { subject: text.slice(0, end).replaceAll('\n', ' '), body: text.slice(end).trim() }
}

function parseSignature(line: string): Signature {
  const open = line.indexOf('<')
  const close = line.lastIndexOf('>')
  if (open === -1 || close < open) return { name: line.trim(), email: '', at: isoTime(0) }
  const seconds = Number.parseInt(line.slice(close + 1).trim(), 10)
  return { name: line.slice(0, open).trim(), email: line.slice(open + 1, close), at: isoTime(seconds) }
}

function isoTime(seconds: number): string {
  const date = new Date((Number.isFinite(seconds) ? seconds : 0) * 1000)
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}
