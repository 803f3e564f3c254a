/**
 * `StateStore` over the real git: state refs of a remote, behind a bare cache of our own. A refresh is one `ls-remote`,
 * and one `fetch` only where something moved; a push is one `fast-import` and one atomic `push`.
 */
import { type Commit, type CommitId, erroredError, isObjectId, type ObjectId, type RefName } from '../model/index.ts'
import type { CommitSignature, HistoryStream, StateCommitEntry, StateStore } from '../ports/index.ts'
import { parseCommit } from './commit-object.ts'
import { readSignature } from './commit-signature.ts'
import { historyStream } from './history-stream.ts'
import { createStatePush } from './push-state.ts'
import { listRemoteRefs, locationAt, type RemoteLocation, remoteSettings } from './remote-location.ts'
import { type StateSession, stateCache } from './state-cache.ts'
import { DamagedCache, listStateFiles, readStateFiles } from './state-files.ts'

export type StateStoreOptions = {
  /** From `resolveStateLocation`, or a URL or path alone. */
  location: RemoteLocation | string
  /** Folder of Trunkline's own, one for each location. */
  cacheDirectory: string
  environment: NodeJS.ProcessEnv
}

export type OpenedStateStore = StateStore & {
  /** Whole histories of refs that a refresh has brought here. */
  readonly stream: HistoryStream
  /** Ends the reading process. It keeps nothing alive: leaving it out is no leak of a short-lived command. */
  close(): Promise<void>
}

/** How often refs may move between listing and fetching them before we give up. */
const maxRefreshes = 5

/** Opens nothing yet: the cache is made, and the remote spoken to, at the first use. */
export function openStateStore(options: StateStoreOptions): OpenedStateStore {
  const location = typeof options.location === 'string' ? locationAt(options.location) : options.location
  const cache = stateCache(location, options.cacheDirectory, options.environment)

  const listRefs = (patterns: readonly string[], signal: AbortSignal) => {
    const git = cache.repository.git({ settings: remoteSettings(location) })
    return listRemoteRefs(git, location, patterns, { code: 'STATE_UNREACHABLE', signal })
  }

  return {
    location: location.label,

    refresh: (refs, signal) =>
      cache.use(async (session) => {
        if (refs.length === 0) return new Map()
        for (let attempt = 0; attempt < maxRefreshes; attempt++) {
          const { tips } = await listRefs(refs, signal)
          if (await bringTips(session, tips, signal)) return tips
        }
        throw erroredError('STATE_BUSY', `refs at ${location.label} move faster than they can be read`, {
          hint: 'Try again.',
        })
      }),

    readFiles: (commit, paths) =>
      cache.use(async ({ reader }) => {
        const [files] = await readStateFiles(reader, [commit], paths)
        return files ?? new Map()
      }),

    listFiles: (commit, folder) => cache.use(({ reader }) => listStateFiles(reader, commit, folder)),

    history: (tip, { limit, files }) =>
      cache.use(async (session) => {
        const commits = await readHistory(session, tip, limit, location.objectFormat)
        const ids = commits.map(({ id }) => id)
        const contents = await readStateFiles(session.reader, ids, files)
        return commits.map(
          (commit, index): StateCommitEntry => ({ ...commit, files: Object.fromEntries(contents[index] ?? []) }),
        )
      }),

    stream: historyStream(cache, location.objectFormat ?? 'sha1'),

    push: createStatePush({ cache, location, listRefs }),

    close: () => cache.close(),
  }
}

/** Makes the tips complete in the cache. Answers whether they are: one may have moved on and left nothing behind. */
async function bringTips(
  session: StateSession,
  tips: ReadonlyMap<RefName, CommitId>,
  signal: AbortSignal,
): Promise<boolean> {
  const incomplete = await session.incomplete(tips)
  if (incomplete.size > 0) {
    await session.fetch([...incomplete.keys()], signal)
    if ((await session.absent(incomplete)).length > 0) return false
  }
  for (const [ref, tip] of tips) session.noteComplete(ref, tip)
  return true
}

/** One process lists the commits, the reader reads them all. */
async function readHistory(
  { git, reader }: StateSession,
  tip: CommitId,
  limit: number,
  objectFormat: RemoteLocation['objectFormat'],
): Promise<Array<Commit & { signature: CommitSignature | null }>> {
  const ids = limit === 1 ? [tip] : await listCommits(git, tip, limit)
  const objects = await reader.read(ids)
  return objects.map((object, index) => {
    if (object?.type !== 'commit') throw new DamagedCache(`commit ${ids[index]} is missing`)
    const commit = parseCommit(object.id as CommitId, object.content) // its type was just checked
    return { ...commit, signature: readSignature(object.content, objectFormat) }
  })
}

async function listCommits(git: StateSession['git'], tip: CommitId, limit: number): Promise<ObjectId[]> {
  const listing = await git.output(['rev-list', '--first-parent', `--max-count=${limit}`, tip, '--'])
  return listing.toString('latin1').split('\n').filter(isObjectId)
}
