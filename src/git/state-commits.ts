/** State commits as a `git fast-import` stream: one process makes them all. Pure. */
import { type CommitId, isObjectId, type ObjectId } from '../model/index.ts'
import type { StateCommit, StateUpdate } from '../ports/index.ts'

export type CommitStream = {
  input: Buffer
  /** Reads the ids of the tips from what fast-import printed, in the order of the updates that have one. */
  tipsOf(output: Buffer): CommitId[]
}

export type StreamOptions = {
  objectFormat: 'sha1' | 'sha256'
  /** Unique among the streams that one cache takes at a time: their branches must not meet. */
  name: string
  /** Trees of the commits that stand as a base. */
  trees?: ReadonlyMap<CommitId, ObjectId>
}

/** The stream that makes the commits of all updates. Its branches stand in it alone: it leaves no ref behind. */
export function commitStream(
  updates: readonly StateUpdate[],
  { objectFormat, name, trees }: StreamOptions,
): CommitStream {
  const zeroId = '0'.repeat(objectFormat === 'sha256' ? 64 : 40)
  const parts: Buffer[] = []
  let mark = 0
  let tipCount = 0
  updates.forEach((update, index) => {
    const commits = commitsOf(update)
    if (commits.length === 0) return
    const branch = `refs/import/${name}-${index}`
    const parent = update.change.kind === 'append' ? update.expected : null
    for (const [position, commit] of commits.entries()) {
      mark++
      parts.push(
        commitCommand({ branch, mark, commit, parent: position === 0 ? parent : null, start: startOf(commit, trees) }),
      )
    }
    tipCount++
    parts.push(Buffer.from(`get-mark :${mark}\nreset ${branch}\nfrom ${zeroId}\n\n`))
  })
  parts.push(Buffer.from('done\n'))
  return {
    input: Buffer.concat(parts),
    tipsOf(output) {
      const ids = output.toString('latin1').split('\n').filter(isObjectId)
      if (ids.length !== tipCount) throw new TypeError(`git fast-import made ${ids.length} tips of ${tipCount}`)
      return ids as CommitId[] // marks of commits
    },
  }
}

/** The commits an update puts on its ref, oldest first. */
export function commitsOf({ change }: StateUpdate): readonly StateCommit[] {
  return change.kind === 'append' ? change.commits : change.kind === 'replace' ? [change.commit] : []
}

/** Subject, body and trailers as git lays them out, each in its place whatever the texts hold. */
export function commitMessage({ subject, body, trailers }: StateCommit): string {
  const trailerLines = trailers.map(([name, value]) => `${trailerName(name)}: ${oneLine(value)}`)
  const paragraphs = [oneLine(subject), cleanText(body).trim(), trailerLines.join('\n')]
  return `${paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')}\n`
}

function commitCommand(request: {
  branch: string
  mark: number
  commit: StateCommit
  parent: CommitId | null
  start: string
}): Buffer {
  const { branch, mark, commit, parent, start } = request
  const who = `${identity(commit.author)} ${Math.floor(timeOf(commit.at) / 1000)} +0000`
  const message = Buffer.from(commitMessage(commit))
  const head = `commit ${branch}\nmark :${mark}\nauthor ${who}\ncommitter ${who}\ndata ${message.length}\n`
  const files = Object.entries(commit.put).flatMap(([path, text]) => {
    const content = Buffer.from(text)
    return [Buffer.from(`M 100644 inline ${quotePath(path)}\ndata ${content.length}\n`), content, Buffer.from('\n')]
  })
  return Buffer.concat([
    Buffer.from(head),
    message,
    Buffer.from(`\n${parent === null ? '' : `from ${parent}\n`}`),
    Buffer.from(start),
    ...commit.remove.map((path) => Buffer.from(`D ${quotePath(path)}\n`)),
    ...files,
    Buffer.from('\n'),
  ])
}

/** Puts a base's tree in the place of the parent's. */
function startOf({ base }: StateCommit, trees: StreamOptions['trees']): string {
  if (base === undefined) return ''
  if (base === null) return 'deleteall\n'
  const tree = trees?.get(base)
  if (tree === undefined) throw new TypeError('a base has a tree')
  return `M 040000 ${tree} ""\n`
}

export function timeOf(at: string): number {
  const time = Date.parse(at)
  if (Number.isNaN(time)) throw new TypeError(`not a time: ${JSON.stringify(at)}`)
  return time
}

/** git takes neither angle brackets nor line ends in a name. */
export function identity({ name, email }: StateCommit['author']): string {
  const clean = (text: string) => oneLine(text.replace(/[<>]/g, ''))
  return `${clean(name) || 'unknown'} <${clean(email)}>`
}

/** Always quoted: then no character of a path means anything. */
export function quotePath(path: string): string {
  const isRelative = path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (!isRelative || path.includes('\0')) throw new TypeError(`not a path in a tree: ${JSON.stringify(path)}`)
  return `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

const trailerName = (name: string): string => name.replace(/[^A-Za-z0-9-]+/g, '-')

/** Everything but a line end that moves a cursor, ends a line somewhere, or makes text read differently from what it says. */
const unprintable =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+/g

const cleanText = (text: string): string => text.replaceAll('\r\n', '\n').replace(unprintable, ' ').toWellFormed()

const oneLine = (text: string): string => cleanText(text).replace(/\s+/g, ' ').trim()
