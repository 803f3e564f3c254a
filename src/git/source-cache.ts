/**
 * Objects of the project that the user's clone lacks, in a bare cache of our own: the clone itself is never written to.
 *
 * The cache lends the clone's objects (as alternates) and holds what was fetched besides. All reading is done in it: so
 * one view shows both, a shallow boundary does not cut what the cache knows, and nothing is ever downloaded by merely
 * being read, for only our fetches know the cache as a partial clone.
 *
 * A fetch beside a whole clone takes just what is new against it. Beside a shallow one it takes all of history
 * (without contents of files), since a server would otherwise believe that we have it. The two kinds are kept apart.
 */
import { join } from 'node:path'
import { sha256 } from '../hashing/index.ts'
import type { ObjectId, RefName } from '../model/index.ts'
import { askRemote } from './ask-remote.ts'
import { type CacheRepository, cacheRepository, noteOf } from './cache-repository.ts'
import { isSpaceScarce } from './disk-space.ts'
import { diskFull, type GitEnd, isRemoteFault, remoteFailure } from './git-failure.ts'
import { isShallow, type LocalRepository } from './local-repository.ts'
import { type RemoteLocation, remoteName, remoteSettings } from './remote-location.ts'
import type { Git, GitSetting } from './run-git.ts'

export type SourceCache = {
  readonly cache: CacheRepository
  /** git that reads the clone's objects and the cached ones, and nothing else. */
  readonly reading: Git
  /** Fetches the history of a ref without file contents. Answers whether the remote has the ref. */
  fetchRef(location: RemoteLocation, ref: RefName, signal?: AbortSignal): Promise<boolean>
  /** Fetches objects by id, all at once. Answers whether the remote gave them. */
  fetchObjects(location: RemoteLocation, oids: readonly ObjectId[], signal?: AbortSignal): Promise<boolean>
}

const fetchTimeoutMs = 15 * 60_000

export async function openSourceCache(
  repository: LocalRepository,
  cacheDirectory: string,
  environment: NodeJS.ProcessEnv,
): Promise<SourceCache> {
  const isWhole = !(await isShallow(repository))
  const key = sha256(`${repository.commonDirectory}\0${isWhole ? 'whole' : 'shallow'}`).slice(0, 16)
  const { objectFormat, objectDirectories } = repository
  const cache = cacheRepository({ directory: join(cacheDirectory, `source-${key}.git`), objectFormat, environment })

  const fetch = async (
    location: RemoteLocation,
    request: { refspecs: readonly string[]; settings?: readonly GitSetting[]; signal?: AbortSignal | undefined },
  ): Promise<boolean> => {
    await cache.prepare()
    const settings = [...remoteSettings(location), ...partialCloneSettings, ...(request.settings ?? [])]
    const view = { settings, alternates: isWhole ? objectDirectories : [] }
    const end = await askRemote(cache.git(view), bloblessFetch, {
      input: request.refspecs.map((refspec) => `${refspec}\n`).join(''),
      timeoutMs: fetchTimeoutMs,
      signal: request.signal,
    })
    if (end.kind === 'exited' && end.exitCode === 0) {
      await cache.maintain(view)
      return true
    }
    if (isUnknownThere(end)) return false
    // git blames the other side for a pack that it could not write.
    if (await isSpaceScarce(cache.directory)) throw diskFull(cache.directory)
    if (isRemoteFault(end)) throw remoteFailure('REMOTE_UNREACHABLE', location.label, end)
    // A neighbour may hold the lock of our note of the ref: whether the objects are here is what counts.
    return false
  }

  return {
    cache,
    reading: cache.git({ alternates: objectDirectories }),
    fetchRef: (location, ref, signal) => fetch(location, { refspecs: [`+${ref}:${noteOf(ref)}`], signal }),
    fetchObjects: (location, oids, signal) =>
      fetch(location, { refspecs: oids, settings: [['fetch.negotiationAlgorithm', 'noop']], signal }),
  }
}

/** Fetches history without contents of files; refspecs and object ids are given as input. */
export const bloblessFetch = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-maintenance',
  '--no-show-forced-updates',
  '--recurse-submodules=no',
  '--filter=blob:none',
  '--stdin',
  remoteName,
] as const

/** Only for the time of a fetch: that the rest may be missing, and was promised by the remote. */
export const partialCloneSettings: readonly GitSetting[] = [
  [`remote.${remoteName}.promisor`, 'true'],
  [`remote.${remoteName}.partialclonefilter`, 'blob:none'],
]

const isUnknownThere = (end: GitEnd): boolean =>
  /couldn't find remote ref|not our ref|unadvertised object|no such remote ref|unable to find/i.test(end.stderr)
