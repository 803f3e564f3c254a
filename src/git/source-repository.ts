/** `SourceRepository` over the real git: the user's clone, read only, and beside it what was fetched into our cache. */
import {
  type Commit,
  type CommitId,
  erroredError,
  isObjectId,
  ListedTree,
  type ObjectId,
  type RefName,
  short,
  TrunklineError,
  usageError,
} from '../model/index.ts'
import { encodePath } from '../model/path-bytes.ts'
import type { SourceHistory, SourceRepository } from '../ports/index.ts'
import { parseCommit } from './commit-object.ts'
import { firstParents } from './first-parents.ts'
import { type GitEnd, isMissingObject, localFailure } from './git-failure.ts'
import { findRepository, isShallow, type LocalRepository } from './local-repository.ts'
import { newestCommits } from './newest-commits.ts'
import { createObjectReader } from './object-reader.ts'
import {
  listRemoteRefs,
  localLocation,
  promisorLocations,
  type RemoteLocation,
  remoteSettings,
  resolveFetchLocation,
} from './remote-location.ts'
import type { GitRunOptions } from './run-git.ts'
import { openSourceCache, type SourceCache } from './source-cache.ts'
import { parseChanges } from './tree-changes.ts'

export type SourceRepositoryOptions = {
  /** Any folder inside the repository. */
  directory: string
  /** Folder of Trunkline's own, for what the clone lacks. */
  cacheDirectory: string
  /** Name or URL of the remote whose refs count. Where it is not configured, the local repository's own refs do. */
  remote: string
  environment: NodeJS.ProcessEnv
}

export type OpenedSourceRepository = SourceRepository &
  SourceHistory & {
    /** What was found at `directory`: root, configuration, remotes. */
    readonly local: LocalRepository
    /** As `remoteRefs`, where what the remote said before in this process is new enough: it is asked only for more. */
    recentRefs: SourceRepository['remoteRefs']
    /** Ends the reading processes. They keep nothing alive: leaving it out is no leak of a short-lived command. */
    close(): Promise<void>
  }

const maxTreeBytes = 512 * 1024 * 1024
/** Contents of one batch, together. */
const maxBlobBytes = 1024 * 1024 * 1024
const maxCachedTrees = 8
const maxCachedCommits = 1000
const maxEnsured = 100
/** How it shows that the cache was taken away under us. */
const goneCodes = new Set(['GIT_FOLDER_GONE', 'NOT_A_REPOSITORY', 'OBJECT_READ'])

/** Throws usage errors where there is no repository (see `findRepository`). */
export async function openSourceRepository(options: SourceRepositoryOptions): Promise<OpenedSourceRepository> {
  const { directory, cacheDirectory, environment } = options
  const local = await findRepository({ directory, environment })
  const cache = await openSourceCache(local, cacheDirectory, environment)
  await cache.cache.prepare()
  return sourceRepository(local, cache, resolveFetchLocation(local, options.remote))
}

function sourceRepository(
  local: LocalRepository,
  { cache, reading, fetchObjects, fetchRef }: SourceCache,
  remote: RemoteLocation | null,
): OpenedSourceRepository {
  const reader = createObjectReader(reading)
  /** Where contents that are not here may come from: those who promised them first. */
  const promisors = promisorLocations(local)
  const places = [...promisors, ...(remote && !promisors.some(({ url }) => url === remote.url) ? [remote] : [])]
  const commits = new Map<string, Commit>()
  const trees = new Map<CommitId, Promise<ListedTree>>()
  /** What callers asked to be here, for the day the cache is thrown away under us. */
  const ensured = new Map<CommitId, RefName>()
  /** The remote's last answer. */
  let said: { head: RefName | null; asked: ReadonlySet<RefName>; tips: ReadonlyMap<RefName, CommitId> } | null = null

  /** Why an object is not here, as an error for users. */
  const explainMissing = async (what: string): Promise<TrunklineError> => {
    if (await isShallow(local)) return shallowClone(what)
    return erroredError('OBJECT_MISSING', `${what} is not in this repository, which should have it`, {
      hint: 'git fetch, or git fsck to see what is damaged.',
    })
  }

  /** Output of a git command over commits; what lies beyond the shallow boundary is a usage error with the fix. */
  const readOutput = async (
    args: readonly string[],
    what: string,
    options: Pick<GitRunOptions, 'input' | 'signal'> = {},
  ): Promise<Buffer> => {
    await cache.prepare()
    const end = await reading.run(args, { ...options, maxOutputBytes: maxTreeBytes })
    if (isMissingObject(end)) throw await explainMissing(what)
    if (end.kind !== 'exited' || end.exitCode !== 0) throw localFailure(args[0] ?? '', end)
    return end.stdout
  }

  /** Objects that a cache lent and then lost (it was deleted, the clone was pruned) are fetched again, once. */
  const withHealing = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work()
    } catch (error) {
      const code = error instanceof TrunklineError ? error.code : ''
      const isGone = goneCodes.has(code)
      if (!isGone && (code !== 'OBJECT_MISSING' || ensured.size === 0)) throw error
      // A neighbour has taken it away already, or does so now.
      if (!isGone) await cache.wipe()
      await cache.prepare()
      await reader.close()
      for (const [commit, ref] of ensured) await fetchCommit(commit, ref)
      return work()
    }
  }

  const readCommit = async (name: string): Promise<Commit | null> => {
    const known = commits.get(name)
    if (known) return known
    const [object] = await reader.read([`${name}^{commit}`])
    if (!object) return null
    const commit = parseCommit(object.id as CommitId, object.content) // peeled to a commit
    if (commits.size >= maxCachedCommits) commits.clear()
    commits.set(commit.id, commit)
    return commit
  }

  const commitOf = (id: CommitId): Promise<Commit> =>
    withHealing(async () => {
      const commit = await readCommit(id)
      if (commit === null) throw await explainMissing(`commit ${short(id)}`)
      return commit
    })

  const has = async (id: ObjectId): Promise<boolean> => (await reader.info([id]))[0] != null

  const fetchCommit = async (commit: CommitId, ref: RefName, signal?: AbortSignal): Promise<void> => {
    if (remote === null) throw unknownCommit(commit, ref, 'this repository, which has no remote')
    await fetchRef(remote, ref, signal)
    if (await has(commit)) return
    // The ref is gone or was forced elsewhere: servers give what they still have by its id.
    await fetchObjects(remote, [commit], signal)
    if (!(await has(commit))) throw unknownCommit(commit, ref, remote.label)
  }

  const readBlobs: SourceRepository['readBlobs'] = async (oids) => {
    const wanted = [...new Set(oids)]
    const contents = new Map<ObjectId, Uint8Array>()
    const readInto = async (ids: readonly ObjectId[]): Promise<ObjectId[]> => {
      const objects = await reader.read(ids, { maxBytes: maxBlobBytes })
      return ids.filter((id, index) => {
        const object = objects[index]
        if (object) contents.set(id, object.content)
        return !object
      })
    }
    let missing = await readInto(wanted)
    for (const location of places) {
      if (missing.length === 0) break
      await fetchObjects(location, missing)
      missing = await readInto(missing)
    }
    const [first] = missing
    if (first !== undefined) throw await explainMissing(`object ${short(first)}`)
    return contents
  }

  const remoteRefs: SourceRepository['remoteRefs'] = async (refs, signal) => {
    await cache.prepare()
    const location = remote ?? localLocation(local)
    const git = cache.git({ settings: remoteSettings(location) })
    const patterns = remote === null ? refs : [...refs, 'HEAD']
    const { tips, head } = await listRemoteRefs(git, location, patterns, { code: 'REMOTE_UNREACHABLE', signal })
    const isWanted = (ref: string) => refs.some((name) => (name.endsWith('/') ? ref.startsWith(name) : name === ref))
    const wanted = new Map([...tips].filter(([ref]) => isWanted(ref)))
    const headTip = tips.get('HEAD')
    if (head !== null && headTip !== undefined) wanted.set(head, headTip)
    said = { head, asked: new Set([...refs, ...wanted.keys()]), tips: wanted }
    return { head, tips: wanted }
  }

  const recentRefs: SourceRepository['remoteRefs'] = async (refs, signal) =>
    said !== null && refs.every((ref) => said?.asked.has(ref)) ? said : await remoteRefs(refs, signal)

  const tree = (commit: CommitId): Promise<ListedTree> => {
    const known = trees.get(commit)
    if (known) {
      trees.delete(commit)
      trees.set(commit, known)
      return known
    }
    const listing = withHealing(async () =>
      ListedTree.fromLines(
        await readOutput(['ls-tree', '-r', '-z', '--full-tree', commit], `the tree of ${short(commit)}`),
      ),
    )
    listing.catch(() => trees.delete(commit))
    trees.set(commit, listing)
    for (const oldest of trees.keys()) {
      if (trees.size <= maxCachedTrees) break
      trees.delete(oldest)
    }
    return listing
  }

  /** By way of the tree: for what one line to `cat-file` cannot name, and where an absent answer has two meanings. */
  const readFileOfTree = async (commit: CommitId, path: string): Promise<Uint8Array | null> => {
    const listed = await tree(commit)
    const entry = listed.at(listed.find(path))
    if (!entry || entry.mode === 'submodule') return null
    return (await readBlobs([entry.oid])).get(entry.oid) ?? null
  }

  return {
    local,
    tree,
    has,
    readBlobs,
    commit: commitOf,

    async resolve(revision) {
      const id = isObjectId(revision) ? revision : await revParse(local, revision)
      // An abbreviated id may be one that only the cache has.
      const name = id ?? (/^[0-9a-f]{4,64}$/.test(revision) ? revision : null)
      const commit = name === null ? null : await readCommit(name)
      if (commit) return commit.id
      if ((isObjectId(revision) || /[~^@]/.test(revision)) && (await isShallow(local))) {
        throw shallowClone(`revision ${revision}`)
      }
      throw usageError('UNKNOWN_REVISION', `this repository knows no commit ${JSON.stringify(revision)}`, {
        hint: 'git fetch, then try again; or name it by branch, tag or commit id.',
      })
    },

    async readFile(commit, path) {
      if (path === '' || path.startsWith('./') || path.startsWith('../')) return null
      const known = trees.has(commit) || path.includes('\n')
      if (known) return readFileOfTree(commit, path)
      const [object] = await reader.read([Buffer.concat([Buffer.from(`${commit}:`), encodePath(path)])])
      if (object) return object.type === 'blob' ? object.content : null
      const { tree: root } = await commitOf(commit)
      // Absent, or present and not downloaded: without partial clones and fetched commits there is just one answer.
      const isComplete = promisors.length === 0 && ensured.size === 0 && (await has(root))
      return isComplete ? null : readFileOfTree(commit, path)
    },

    isAncestor: (ancestor, descendant) =>
      withHealing(async () => {
        if (ancestor === descendant) return true
        await cache.prepare()
        const end = await reading.run(['merge-base', '--is-ancestor', ancestor, descendant])
        if (end.exitCode === 0) return true
        // Older git answers "no" with a complaint where history is cut off: that is no answer.
        if (isCutOff(end)) throw await explainMissing(`the history between ${short(ancestor)} and ${short(descendant)}`)
        if (end.exitCode === 1) return false
        throw localFailure('merge-base', end)
      }),

    commitsBetween: (from, to, limit) =>
      withHealing(async () => {
        if (from === null) return newestCommits(to, limit, commitOf)
        const what = `the history of ${short(to)}`
        const ids = await readOutput(['rev-list', `--max-count=${limit}`, to, `^${from}`, '--'], what)
        const names = ids.toString('latin1').split('\n').filter(isObjectId)
        const objects = await reader.read(names)
        return objects.flatMap((object) => (object ? [parseCommit(object.id as CommitId, object.content)] : [])) // rev-list lists commits
      }),

    changes: (from, to) =>
      withHealing(async () => {
        const options = ['-r', '-z', '--no-renames', '--full-index', '--ignore-submodules=none']
        const what = `the difference between ${short(from)} and ${short(to)}`
        return parseChanges(await readOutput(['diff-tree', ...options, from, to, '--'], what))
      }),

    firstParents: (range) =>
      firstParents(
        { run: (args, options) => readOutput(args, `the history of ${short(range.to)}`, options), reader },
        range,
      ),

    remoteRefs,
    recentRefs,
    remoteTip: async (ref, signal) => (await remoteRefs([ref], signal)).tips.get(ref) ?? null,

    async ensureCommit(commit, ref, signal) {
      await cache.prepare()
      if (!(await has(commit))) await fetchCommit(commit, ref, signal)
      ensured.set(commit, ref)
      const [oldest] = ensured.keys()
      if (ensured.size > maxEnsured && oldest !== undefined) ensured.delete(oldest)
    },

    close: () => reader.close(),
  }
}

/** What a revision names in the user's clone: the id of a commit or of an annotated tag. */
async function revParse({ git }: LocalRepository, revision: string): Promise<ObjectId | null> {
  if (/[\n\0]/.test(revision) || revision === '') return null
  const end = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', revision])
  const id = end.stdout.toString('utf8').trim()
  return end.exitCode === 0 && isObjectId(id) ? id : null
}

const isCutOff = (end: GitEnd): boolean =>
  isMissingObject(end) || (end.exitCode === 1 && /could not read/i.test(end.stderr))

const shallowClone = (what: string): TrunklineError =>
  usageError('SHALLOW_CLONE', `${what} lies beyond the end of this shallow clone`, {
    hint: 'git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0; in GitLab CI: GIT_DEPTH: 0)',
  })

const unknownCommit = (commit: CommitId, ref: RefName, where: string): TrunklineError =>
  usageError('UNKNOWN_COMMIT', `commit ${short(commit)} of ${ref} is not in ${where}`, {
    hint: 'Was it pushed? A force push may have removed it.',
  })
