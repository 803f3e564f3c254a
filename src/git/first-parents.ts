/** A branch as it grew, commit by commit: a git process for a page of five hundred commits. */
import { type Commit, type CommitId, erroredError, isObjectId } from '../model/index.ts'
import type { HistoryStep } from '../ports/index.ts'
import { parseCommit } from './commit-object.ts'
import type { ObjectReader } from './object-reader.ts'
import { parseChanges } from './tree-changes.ts'

/** `input` is written to it; answers what it printed. */
export type RunGit = (args: readonly string[], options?: { input?: string; signal?: AbortSignal }) => Promise<Buffer>

const pageSize = 500

export async function* firstParents(
  { run, reader }: { run: RunGit; reader: Pick<ObjectReader, 'read'> },
  { from, to, signal }: { from: CommitId | null; to: CommitId; signal?: AbortSignal },
): AsyncGenerator<HistoryStep> {
  const cancel = signal === undefined ? {} : { signal }
  const range = from === null ? [to] : [to, `^${from}`]
  const listing = await run(['rev-list', '--first-parent', '--reverse', ...range, '--'], cancel)
  const lineLength = listing.indexOf('\n') + 1
  if (lineLength === 0) return
  // The list stays bytes: of a long history it is all that is held at once beside a page.
  for (let at = 0; at < listing.length; at += pageSize * lineLength) {
    const lines = listing.toString('latin1', at, at + pageSize * lineLength)
    const page = lines.split('\n').filter(isObjectId) as CommitId[] // rev-list lists commits
    const commits = (await reader.read(page)).map((object, index): Commit => {
      if (object === null) throw erroredError('OBJECT_MISSING', `commit ${page[index]} is not in this repository`)
      return parseCommit(object.id as CommitId, object.content) // rev-list lists commits
    })
    const pairs = commits.flatMap(({ id, parents: [parent] }) => (parent === undefined ? [] : [`${id} ${parent}\n`]))
    const output =
      pairs.length === 0 ? Buffer.alloc(0) : await run([...diffTree, '--stdin'], { input: pairs.join(''), ...cancel })
    const changes = changesIn(output)
    for (const commit of commits) {
      const bytes = changes.get(commit.id)
      yield { commit, changes: bytes === undefined ? [] : parseChanges(bytes) }
    }
  }
}

const diffTree = ['diff-tree', '-r', '-z', '--no-renames', '--full-index', '--ignore-submodules=none'] as const

const colon = 0x3a

/**
 * `<commit>\0:<mode> <mode> <id> <id> <status>\0<path>\0:…<commit>\0…`, by commit, not read yet; one that changes
 * nothing is left out.
 */
function changesIn(output: Buffer): Map<CommitId, Buffer> {
  const steps = new Map<CommitId, Buffer>()
  let at = 0
  while (at < output.length) {
    const headEnd = output.indexOf(0, at)
    const id = output.toString('latin1', at, headEnd)
    if (headEnd < 0 || !isObjectId(id)) throw erroredError('OBJECT_READ', 'git diff-tree answered out of form')
    const begin = headEnd + 1
    at = begin
    while (output[at] === colon) {
      const pathEnd = output.indexOf(0, output.indexOf(0, at) + 1)
      at = pathEnd < 0 ? output.length : pathEnd + 1
    }
    steps.set(id as CommitId, output.subarray(begin, at))
  }
  return steps
}
