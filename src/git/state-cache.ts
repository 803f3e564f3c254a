/**
 * The cache behind a state store: which remote tips are here in full, fetching the others, and starting over where the
 * cache was deleted or damaged. Several processes share it; they do not depend on each other's notes being right.
 */
import { join } from 'node:path'
import { type CommitId, erroredError, type RefName, TrunklineError } from '../model/index.ts'
import { askRemote } from './ask-remote.ts'
import { type CacheRepository, cacheRepository, noteOf } from './cache-repository.ts'
import { isSpaceScarce } from './disk-space.ts'
import { diskFull, isPlaceFault, isRemoteFault, remoteFailure, remoteSentence } from './git-failure.ts'
import { createObjectReader, type ObjectReader } from './object-reader.ts'
import { type RemoteLocation, remoteName, remoteSettings } from './remote-location.ts'
import type { Git } from './run-git.ts'
import { DamagedCache } from './state-files.ts'

/** The cache as it is now; a cache made anew has another session. */
export type StateSession = {
  readonly reader: ObjectReader
  /** Reads and makes objects; knows no remote. */
  readonly git: Git
  /** Of the given tips those that are not here with all they reach. */
  incomplete(tips: ReadonlyMap<RefName, CommitId>): Promise<Map<RefName, CommitId>>
  /** Of the given tips those that are not here at all: asked after a fetch, which brings all or nothing. */
  absent(tips: ReadonlyMap<RefName, CommitId>): Promise<RefName[]>
  noteComplete(ref: RefName, tip: CommitId | null): void
  /** Fetches refs with their history. A ref that is gone meanwhile is no error. */
  fetch(refs: readonly RefName[], signal?: AbortSignal): Promise<void>
}

export type StateCache = {
  readonly repository: CacheRepository
  /** Works with the cache; where it turns out to be damaged, throws it away, fetches again what was known and works anew, once. */
  use<Result>(work: (session: StateSession) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

const fetchTimeoutMs = 10 * 60_000

const fetchCommand = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-maintenance',
  '--no-show-forced-updates',
  '--recurse-submodules=no',
  '--stdin',
  remoteName,
] as const

/** Trouble with our own note of a ref, made by a neighbour who fetches the same: the objects are here all the same. */
const noteTrouble = /cannot lock ref|unable to update local ref|unable to create .*\.lock|reference already exists/i

export function stateCache(
  location: RemoteLocation,
  cacheDirectory: string,
  environment: NodeJS.ProcessEnv,
): StateCache {
  const repository = cacheRepository({
    directory: join(cacheDirectory, 'state.git'),
    objectFormat: location.objectFormat,
    environment,
  })
  /** Refs this process has read, with their last tips: what to fetch again after a loss. */
  const known = new Map<RefName, CommitId>()
  let current: { generation: string; session: StateSession } | null = null

  const openSession = (): StateSession => {
    const git = repository.git()
    const reader = createObjectReader(git)
    const complete = new Map<RefName, CommitId>()
    return {
      git,
      reader,
      noteComplete(ref, tip) {
        if (tip === null) {
          complete.delete(ref)
          known.delete(ref)
        } else {
          complete.set(ref, tip)
          known.set(ref, tip)
        }
      },
      async incomplete(tips) {
        const unsure = [...tips].filter(([ref, tip]) => complete.get(ref) !== tip)
        const notes = await reader.read(unsure.map(([ref]) => noteOf(ref)))
        return new Map(unsure.filter(([, tip], index) => notes[index]?.id !== tip))
      },
      async absent(tips) {
        const entries = [...tips]
        const objects = await reader.read(entries.map(([, tip]) => tip))
        return entries.flatMap(([ref], index) => (objects[index] ? [] : [ref]))
      },
      async fetch(refs, signal) {
        const fetching = repository.git({ settings: remoteSettings(location) })
        const input = refs.map((ref) => `+${ref}:${noteOf(ref)}\n`).join('')
        const end = await askRemote(fetching, fetchCommand, { input, timeoutMs: fetchTimeoutMs, signal })
        if (end.kind === 'exited' && end.exitCode === 0) return
        if (/couldn't find remote ref/i.test(end.stderr) || noteTrouble.test(end.stderr)) return
        if (!isPlaceFault(end, fetching.directory) && isRemoteFault(end))
          throw remoteFailure('STATE_UNREACHABLE', location.label, end)
        throw new DamagedCache(`git fetch failed: ${remoteSentence(end.stderr)}`)
      },
    }
  }

  const session = async (): Promise<{ generation: string; session: StateSession }> => {
    const generation = await repository.prepare()
    if (current?.generation === generation) return current
    // Questions under way are still answered.
    void current?.session.reader.close()
    current = { generation, session: openSession() }
    return current
  }

  /** A neighbour, or another call, may have thrown the damaged cache away already. */
  const startOver = async (damaged: string): Promise<StateSession> => {
    if ((await repository.prepare()) === damaged) await repository.wipe()
    const fresh = (await session()).session
    if (known.size > 0) await fresh.fetch([...known.keys()])
    return fresh
  }

  return {
    repository,
    async use(work) {
      const { generation, session: first } = await session()
      try {
        return await work(first)
      } catch (error) {
        if (!isDamage(error)) throw error
        // What could not be written is no damage, and would not fit a second time either.
        if (await isSpaceScarce(repository.directory)) throw diskFull(repository.directory, error)
      }
      const second = await startOver(generation)
      try {
        return await work(second)
      } catch (error) {
        if (!(error instanceof DamagedCache)) throw error
        if (await isSpaceScarce(repository.directory)) throw diskFull(repository.directory, error)
        throw erroredError(
          'STATE_DAMAGED',
          `the state at ${location.label} lacks what it refers to: ${error.message}`,
          {
            hint: 'git fsck in the repository that holds the state tells what is damaged.',
            cause: error,
          },
        )
      }
    },
    async close() {
      const ending = current
      current = null
      await ending?.session.reader.close()
    },
  }
}

/** Errors of the cache itself; those of the remote and of the caller have codes of their own. */
const damageCodes = ['OBJECT_READ', 'OBJECT_MISSING', 'GIT_FAILED', 'GIT_FOLDER_GONE', 'NOT_A_REPOSITORY']

const isDamage = (error: unknown): boolean =>
  error instanceof DamagedCache || (error instanceof TrunklineError && damageCodes.includes(error.code))
