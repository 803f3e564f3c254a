/** Makes the commits of state updates in the cache: one `fast-import` for all of them, then signatures where they are asked for. */
import { randomUUID } from 'node:crypto'
import { type CommitId, isObjectId, type ObjectId } from '../model/index.ts'
import type { StateCommit, StateUpdate } from '../ports/index.ts'
import { readSignature, withParent, withSignature } from './commit-signature.ts'
import { remoteSentence } from './git-failure.ts'
import type { StateSession } from './state-cache.ts'
import { commitStream, commitsOf } from './state-commits.ts'
import { DamagedCache } from './state-files.ts'

export type ImportOptions = { objectFormat: 'sha1' | 'sha256'; signal: AbortSignal }

const importTimeoutMs = 60_000

/** Answers the new tips in the order of the updates; null for a removed ref. */
export async function importCommits(
  session: StateSession,
  updates: readonly StateUpdate[],
  options: ImportOptions,
): Promise<Array<CommitId | null>> {
  if (updates.every((update) => commitsOf(update).length === 0)) return updates.map(() => null)
  const stream = commitStream(updates, {
    objectFormat: options.objectFormat,
    name: randomUUID(),
    trees: await basesOf(session, updates),
  })
  const end = await session.git.run(['fast-import', '--quiet', '--done', '--date-format=raw'], {
    input: stream.input,
    timeoutMs: importTimeoutMs,
    signal: options.signal,
  })
  if (end.kind !== 'exited' || end.exitCode !== 0) throw new DamagedCache(`fast-import: ${remoteSentence(end.stderr)}`)
  const made = stream.tipsOf(end.stdout)
  const tips: Array<CommitId | null> = []
  for (const update of updates) {
    const commits = commitsOf(update)
    const tip = commits.length === 0 ? null : (made.shift() ?? null)
    const isSigned = commits.some(({ signer }) => signer !== undefined)
    tips.push(tip === null || !isSigned ? tip : await signCommits(session, tip, commits, options))
  }
  return tips
}

/** Trees that commits start from, where that is not their parent's. */
async function basesOf(
  { reader }: StateSession,
  updates: readonly StateUpdate[],
): Promise<ReadonlyMap<CommitId, ObjectId>> {
  const bases = [...new Set(updates.flatMap((update) => commitsOf(update).flatMap(({ base }) => base ?? [])))]
  if (bases.length === 0) return new Map()
  const trees = await reader.info(bases.map((base) => `${base}^{tree}`))
  return new Map(
    bases.map((base, index) => {
      const tree = trees[index]
      if (!tree) throw new DamagedCache(`the tree of ${base} is missing`)
      return [base, tree.id]
    }),
  )
}

/** fast-import signs nothing: the commits are made anew, each with its signature, the later on top of the signed earlier. */
async function signCommits(
  session: StateSession,
  unsignedTip: CommitId,
  commits: readonly StateCommit[],
  options: ImportOptions,
): Promise<CommitId> {
  const contents = await contentsFrom(session, unsignedTip, commits.length)
  let tip: CommitId | null = null
  for (const [index, commit] of commits.entries()) {
    const content = contents[index]
    if (content === undefined) throw new DamagedCache(`commit ${index} below ${unsignedTip} is missing`)
    const placed = tip === null ? content : withParent(content, tip)
    const armored = await commit.signer?.sign(placed, options.signal)
    tip = await writeCommit(session, armored === undefined ? placed : checked(placed, armored, options), options)
  }
  return tip ?? unsignedTip
}

/** What was signed must be what a reader will check: a hash over anything else would be worth nothing. */
function checked(content: Buffer, armored: string, { objectFormat }: ImportOptions): Buffer {
  const signed = withSignature(content, armored, objectFormat)
  if (readSignature(signed, objectFormat)?.payload.equals(content) !== true)
    throw new TypeError('a commit does not read back as it was signed')
  return signed
}

/** Contents of the last commits, oldest first. */
async function contentsFrom({ reader }: StateSession, tip: CommitId, count: number): Promise<Buffer[]> {
  const contents: Buffer[] = []
  for (let name: string = tip; contents.length < count; name = `${tip}~${contents.length}`) {
    const [object] = await reader.read([name])
    if (object?.type !== 'commit') throw new DamagedCache(`commit ${name} is missing`)
    contents.unshift(object.content)
  }
  return contents
}

async function writeCommit({ git }: StateSession, content: Buffer, { signal }: ImportOptions): Promise<CommitId> {
  const end = await git.run(['hash-object', '-t', 'commit', '-w', '--stdin'], {
    input: content,
    timeoutMs: importTimeoutMs,
    signal,
  })
  const id = end.stdout.toString('latin1').trim()
  if (end.kind !== 'exited' || end.exitCode !== 0 || !isObjectId(id))
    throw new DamagedCache(`hash-object: ${remoteSentence(end.stderr)}`)
  return id as CommitId // of a commit, as it was told
}
