/**
 * Branches of a repository that is not the project's own, read and written without a working tree: behind a bare cache
 * that holds all history and only those contents of files that were asked for.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import picomatch from 'picomatch'
import { type CommitId, erroredError, isObjectId, type ObjectId, type RefName, TrunklineError } from '../model/index.ts'
import { decodePath } from '../model/path-bytes.ts'
import { askRemote } from './ask-remote.ts'
import { type CacheRepository, cacheRepository, noteOf } from './cache-repository.ts'
import { isSpaceScarce } from './disk-space.ts'
import { diskFull, isPlaceFault, isRemoteFault, localFailure, remoteFailure, remoteSentence } from './git-failure.ts'
import { judgePush } from './push-report.ts'
import { listRemoteRefs, locationAt, type RemoteLocation, remoteName, remoteSettings } from './remote-location.ts'
import type { GitSetting } from './run-git.ts'
import { bloblessFetch, partialCloneSettings } from './source-cache.ts'
import { commitMessage, identity, quotePath, timeOf } from './state-commits.ts'
import { DamagedCache } from './state-files.ts'

export type FileMode = '100644' | '100755' | '120000' | '160000'

/** A path of a commit; without content. */
export type BranchEntry = { path: string; mode: FileMode; oid: ObjectId }
export type BranchFile = BranchEntry & { content: Uint8Array }

/** A commit with its whole message; trailers are at its end. */
export type LoggedCommit = {
  id: CommitId
  parents: CommitId[]
  author: { name: string; email: string }
  /** ISO 8601, when it was written. */
  at: string
  message: string
}

export type BranchCommit = {
  parent: CommitId
  /** Path to new content; the mode is that of the file before. */
  files: ReadonlyArray<{ path: string; mode: '100644' | '100755'; content: Uint8Array }>
  subject: string
  body: string
  trailers: ReadonlyArray<readonly [name: string, value: string]>
  author: { name: string; email: string }
  /** ISO 8601. */
  at: string
}

export type BranchRepository = {
  /** For people: URL or path without credentials. */
  readonly label: string
  /** The branch's commit at the remote now, with its history fetched; null where there is no such branch. */
  tip(branch: string, signal: AbortSignal): Promise<CommitId | null>
  /** Files of a commit that match any of the patterns (globs or paths). */
  entries(commit: CommitId, patterns: readonly string[]): Promise<BranchEntry[]>
  /** With content; fetches what is missing, all at once. */
  read(entries: readonly BranchEntry[], signal: AbortSignal): Promise<BranchFile[]>
  /** Commits that `tip` reaches whose message has this line: later ones first, whatever clocks said. */
  log(tip: CommitId, line: string, limit: number): Promise<LoggedCommit[]>
  /** The newest commit that changed any of the paths. */
  lastChange(tip: CommitId, paths: readonly string[]): Promise<LoggedCommit | null>
  /** False too where one of them is not known here. */
  isAncestor(ancestor: CommitId, descendant: CommitId): Promise<boolean>
  /** Makes the commit here; nobody sees it before it is pushed. */
  commit(commit: BranchCommit): Promise<CommitId>
  /** Compare-and-swap: `from` is the branch's tip the commit was decided on, null for a new branch. */
  push(
    move: { branch: string; from: CommitId | null; to: CommitId },
    signal: AbortSignal,
  ): Promise<'pushed' | 'lost-race'>
}

export type BranchRepositoryOptions = {
  /** URL or absolute path; git's own credential helpers and keys are asked. */
  url: string
  /** Folder of Trunkline's own for caches of such repositories. */
  cacheDirectory: string
  environment: NodeJS.ProcessEnv
}

/** How patterns of files are read: `*` takes dots, and no slash. */
export const patternOptions = { dot: true, strictSlashes: true } as const

const fetchTimeoutMs = 10 * 60_000
const pushTimeoutMs = 2 * 60_000
const localTimeoutMs = 60_000
const maxFileBytes = 64 * 1024 * 1024

/** Opens nothing yet. */
export function openBranchRepository(options: BranchRepositoryOptions): BranchRepository {
  const location = locationAt(options.url)
  const cache = cacheRepository({
    directory: join(options.cacheDirectory, 'branches.git'),
    objectFormat: location.objectFormat,
    environment: options.environment,
  })
  const work = branchWork(cache, location)
  const healing = <Result>(ask: () => Promise<Result>): Promise<Result> => withHealing(cache, ask)
  return {
    label: location.label,
    tip: (branch, signal) => healing(() => work.tip(branch, signal)),
    entries: (commit, patterns) => work.entries(commit, patterns),
    read: (entries, signal) => work.read(entries, signal),
    log: (tip, line, limit) =>
      work.log(tip, ['--topo-order', '--fixed-strings', `--grep=${line}`, `--max-count=${limit}`], []),
    async lastChange(tip, paths) {
      const [commit] = paths.length === 0 ? [] : await work.log(tip, ['--max-count=1'], paths)
      return commit ?? null
    },
    isAncestor: work.isAncestor,
    commit: work.commit,
    push: work.push,
  }
}

/** Once more with an empty cache, where the cache itself is at fault. */
async function withHealing<Result>(cache: CacheRepository, ask: () => Promise<Result>): Promise<Result> {
  await cache.prepare()
  try {
    return await ask()
  } catch (error) {
    const isDamage =
      error instanceof DamagedCache || (error instanceof TrunklineError && damageCodes.includes(error.code))
    if (!isDamage) throw error
    if (await isSpaceScarce(cache.directory)) throw diskFull(cache.directory, error)
  }
  await cache.wipe()
  await cache.prepare()
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof DamagedCache)) throw error
    throw erroredError('CACHE_DAMAGED', `the cache ${cache.directory} cannot be filled: ${error.message}`, {
      hint: 'git fsck in the repository it is filled from tells what is damaged.',
      cause: error,
    })
  }
}

const damageCodes = ['OBJECT_READ', 'OBJECT_MISSING', 'GIT_FAILED', 'GIT_FOLDER_GONE', 'NOT_A_REPOSITORY']

function branchWork(cache: CacheRepository, location: RemoteLocation) {
  const code = 'REMOTE_UNREACHABLE' as const
  const remoteGit = (settings: readonly GitSetting[] = []) =>
    cache.git({ settings: [...remoteSettings(location), ...settings] })

  const fetch = async (lines: readonly string[], signal: AbortSignal, settings: readonly GitSetting[] = []) => {
    const git = remoteGit([...partialCloneSettings, ...settings])
    const input = lines.map((line) => `${line}\n`).join('')
    const end = await askRemote(git, bloblessFetch, { input, timeoutMs: fetchTimeoutMs, signal })
    if (end.kind === 'exited' && end.exitCode === 0) return
    // A branch that is gone meanwhile, or a neighbour who holds the lock of our note: what is here is looked at anyway.
    if (
      /couldn't find remote ref|cannot lock ref|unable to update local ref|reference already exists/i.test(end.stderr)
    )
      return
    if (!isPlaceFault(end, git.directory) && isRemoteFault(end)) throw remoteFailure(code, location.label, end)
    throw new DamagedCache(`git fetch failed: ${remoteSentence(end.stderr)}`)
  }

  const has = async (oids: readonly ObjectId[]): Promise<Set<ObjectId>> => {
    if (oids.length === 0) return new Set()
    const listing = await cache.git().output(['cat-file', '--batch-check'], { input: `${oids.join('\n')}\n` })
    const lines = listing.toString('latin1').split('\n')
    return new Set(oids.filter((_, index) => !(lines[index] ?? 'missing').endsWith('missing')))
  }

  const log = async (tip: CommitId, options: readonly string[], paths: readonly string[]): Promise<LoggedCommit[]> => {
    const command = [
      'log',
      '-z',
      '--format=%H%x00%P%x00%an%x00%ae%x00%aI%x00%B',
      ...options,
      '--end-of-options',
      tip,
      '--',
    ]
    const listing = await cache
      .git()
      .output(['--literal-pathspecs', ...command, ...paths], { timeoutMs: localTimeoutMs })
    const parts = listing.toString('utf8').split('\0')
    const commits: LoggedCommit[] = []
    for (let at = 0; at + 5 < parts.length; at += 6) {
      const [id = '', parents = '', name = '', email = '', written = '', message = ''] = parts.slice(at, at + 6)
      commits.push({
        id: id as CommitId, // %H
        parents: parents.split(' ').filter(isObjectId) as CommitId[], // %P
        author: { name, email },
        at: written,
        message,
      })
    }
    return commits
  }

  return {
    log,

    async tip(branch: string, signal: AbortSignal): Promise<CommitId | null> {
      const ref: RefName = `refs/heads/${branch}`
      const { tips } = await listRemoteRefs(remoteGit(), location, [ref], { code, signal })
      const tip = tips.get(ref)
      if (tip === undefined) return null
      const note = await cache.git().run(['rev-parse', '--quiet', '--verify', '--end-of-options', noteOf(ref)])
      if (note.stdout.toString('latin1').trim() === tip) return tip
      await fetch([`+${ref}:${noteOf(ref)}`], signal)
      if (!(await has([tip])).has(tip)) {
        // It moved on between the question and the fetch.
        throw erroredError('BRANCH_MOVED', `${branch} at ${location.label} moves faster than it can be read`, {
          hint: 'Try again.',
        })
      }
      await cache.maintain()
      return tip
    },

    async entries(commit: CommitId, patterns: readonly string[]): Promise<BranchEntry[]> {
      const isWanted = picomatch([...patterns], patternOptions)
      const git = cache.git()
      const listing = await git.output(['ls-tree', '-r', '-z', '--full-tree', commit], { timeoutMs: localTimeoutMs })
      const found: BranchEntry[] = []
      for (const line of splitAtZero(listing)) {
        const tab = line.indexOf(0x09)
        const [mode = '', , oid = ''] = line.toString('latin1', 0, tab).split(' ')
        const path = decodePath(line.subarray(tab + 1))
        if (patterns.includes(path) || isWanted(path))
          found.push({ path, mode: mode as FileMode, oid: oid as ObjectId }) // as ls-tree has it
      }
      return found
    },

    async read(entries: readonly BranchEntry[], signal: AbortSignal): Promise<BranchFile[]> {
      const oids = [...new Set(entries.map(({ oid }) => oid))]
      const here = await has(oids)
      const missing = oids.filter((oid) => !here.has(oid))
      if (missing.length > 0) await fetch(missing, signal, [['fetch.negotiationAlgorithm', 'noop']])
      const contents = new Map<ObjectId, Uint8Array>()
      const output = await cache.git().output(['cat-file', '--batch'], {
        input: oids.map((oid) => `${oid}\n`).join(''),
        maxOutputBytes: maxFileBytes,
      })
      let at = 0
      for (const oid of oids) {
        const end = output.indexOf(0x0a, at)
        const [, type, size] = output.toString('latin1', at, end).split(' ')
        if (type !== 'blob') throw new DamagedCache(`${oid} cannot be read`)
        contents.set(oid, output.subarray(end + 1, end + 1 + Number(size)))
        at = end + 1 + Number(size) + 1
      }
      return entries.map((entry) => ({ ...entry, content: contents.get(entry.oid) ?? new Uint8Array() }))
    },

    async isAncestor(ancestor: CommitId, descendant: CommitId): Promise<boolean> {
      const end = await cache.git().run(['merge-base', '--is-ancestor', ancestor, descendant])
      return end.kind === 'exited' && end.exitCode === 0
    },

    async commit(commit: BranchCommit): Promise<CommitId> {
      const git = cache.git()
      const end = await git.run(['fast-import', '--quiet', '--done', '--date-format=raw'], {
        input: commitStream(commit),
        timeoutMs: localTimeoutMs,
      })
      const id = end.stdout.toString('latin1').trim()
      if (end.kind !== 'exited' || end.exitCode !== 0 || !isObjectId(id)) throw localFailure('fast-import', end)
      return id as CommitId // of a commit's mark
    },

    async push(
      { branch, from, to }: { branch: string; from: CommitId | null; to: CommitId },
      signal: AbortSignal,
    ): Promise<'pushed' | 'lost-race'> {
      const ref: RefName = `refs/heads/${branch}`
      const git = remoteGit([[`remote.${remoteName}.fetch`, `+${ref}:${noteOf(ref)}`]])
      // Not thin: a base that it would be told against may be a content that was never fetched.
      const command = ['push', '--porcelain', '--no-verify', '--no-thin', `--force-with-lease=${ref}:${from ?? ''}`]
      const end = await git.run([...command, remoteName, `${to}:${ref}`], { timeoutMs: pushTimeoutMs, signal })
      const verdict = judgePush(end)
      if (verdict.kind === 'pushed') return 'pushed'
      if (verdict.kind === 'rejected') throw rejected(location, branch, remoteSentence(end.stderr))
      // Whether it arrived, or somebody was faster, the tip tells.
      const { tips } = await listRemoteRefs(remoteGit(), location, [ref], { code, signal })
      if (tips.get(ref) === to) return 'pushed'
      if ((tips.get(ref) ?? null) !== from) return 'lost-race'
      if (verdict.kind === 'unreachable') throw remoteFailure(code, location.label, end)
      // Somebody holds the branch's lock for a moment.
      if (verdict.kind === 'lost-race') return 'lost-race'
      throw rejected(location, branch, remoteSentence(end.stderr))
    },
  }
}

const rejected = (location: RemoteLocation, branch: string, sentence: string) =>
  erroredError('PUSH_REJECTED', `${location.label} refused a push to ${branch}: ${sentence}`, {
    hint: 'May this user push there? A protected branch takes pull requests alone: set `pullRequest`.',
  })

function* splitAtZero(listing: Buffer): Generator<Buffer> {
  let at = 0
  for (let end = listing.indexOf(0); end !== -1; end = listing.indexOf(0, at)) {
    yield listing.subarray(at, end)
    at = end + 1
  }
}

/** For `git fast-import`; it leaves no ref behind. */
function commitStream(commit: BranchCommit): Buffer {
  const branch = `refs/import/${randomUUID()}`
  const who = `${identity(commit.author)} ${Math.floor(timeOf(commit.at) / 1000)} +0000`
  const message = Buffer.from(commitMessage({ ...commit, put: {}, remove: [] }))
  const files = commit.files.flatMap(({ path, mode, content }) => [
    Buffer.from(`M ${mode} inline ${quotePath(path)}\ndata ${content.length}\n`),
    Buffer.from(content),
    Buffer.from('\n'),
  ])
  return Buffer.concat([
    Buffer.from(`commit ${branch}\nmark :1\nauthor ${who}\ncommitter ${who}\ndata ${message.length}\n`),
    message,
    Buffer.from(`\nfrom ${commit.parent}\n`),
    ...files,
    Buffer.from(`\nget-mark :1\nreset ${branch}\nfrom ${'0'.repeat(commit.parent.length)}\n\ndone\n`),
  ])
}
