/**
 * Bare repositories of Trunkline's own under its home. They may be deleted or broken at any time: they are made again
 * and filled again. Several Trunklines share them; no ref in them is more than a note of what is complete.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../hashing/index.ts'
import { erroredError, type RefName } from '../model/index.ts'
import { diskFull } from './git-failure.ts'
import { removeLeavings } from './leavings.ts'
import type { ObjectFormat } from './local-repository.ts'
import { type Git, type GitSetting, gitAt } from './run-git.ts'

export type CacheOptions = {
  directory: string
  objectFormat: ObjectFormat
  environment: NodeJS.ProcessEnv
}

export type CacheRepository = {
  readonly directory: string
  /** Makes it where it is missing. The answer changes when it was made anew: nothing known of it holds then. */
  prepare(): Promise<string>
  /** Throws its content away. */
  wipe(): Promise<void>
  /** git bound to it. */
  git(options?: CacheView): Git
  /** Once a day at most, and in the background: keeps it from growing for ever. */
  maintain(view?: CacheView): Promise<void>
}

/** What a run in the cache sees besides: settings, and object folders of others. */
export type CacheView = { settings?: readonly GitSetting[]; alternates?: readonly string[] }

const marker = 'trunkline-cache'
const maintainedEveryMs = 24 * 60 * 60 * 1000
/** A cache larger than this is thrown away. */
const maxPackBytes = 8 * 1024 ** 3

/** Settings every run in a cache has: no hooks of the user, no work in the hot path, no reflogs, old garbage goes soon. */
const cacheSettings: readonly GitSetting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.logAllRefUpdates', 'false'],
  ['core.fsync', 'none'],
  // A lock that a killed git left stands in the way at every turn, by default for a second each time.
  ['core.packedRefsTimeout', '200'],
  ['gc.auto', '2000'],
  ['gc.pruneExpire', '1.hour.ago'],
  ['gc.writeCommitGraph', 'false'],
  ['maintenance.auto', 'false'],
  ['receive.autogc', 'false'],
  ['fetch.unpackLimit', '100'],
  ['fastimport.unpackLimit', '100'],
  ['fetch.writeCommitGraph', 'false'],
  ['fetch.prune', 'false'],
  ['fetch.fsckObjects', 'false'],
  ['transfer.fsckObjects', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['push.followTags', 'false'],
  ['push.gpgSign', 'false'],
  ['push.recurseSubmodules', 'no'],
]

/**
 * Where a cache notes that everything a remote's ref reaches is here. The name is flat: `a` and `a/b` would be in each
 * other's way when one replaces the other.
 */
export const noteOf = (ref: RefName): RefName => `refs/tips/${sha256(ref).slice(0, 32)}`

export function cacheRepository({ directory, objectFormat, environment }: CacheOptions): CacheRepository {
  const mark = `1 ${objectFormat} `
  let hasSwept = false

  /** What marks a whole cache of ours; null where something is missing. */
  const readMark = async (): Promise<string | null> => {
    const parts = ['HEAD', 'config', 'objects', 'refs'].map((name) => stat(join(directory, name)))
    const [text, ...found] = await Promise.all([
      readFile(join(directory, marker), 'utf8').catch(() => null),
      ...parts.map((part) => part.catch(() => null)),
    ])
    return text?.startsWith(mark) && found.every((part) => part !== null) ? text : null
  }

  const git: CacheRepository['git'] = ({ settings = [], alternates = [] } = {}) =>
    gitAt({
      directory,
      environment,
      gitDirectory: directory,
      alternates,
      settings: [...cacheSettings, ...settings],
    })

  /** The folder itself, to tell it from one a neighbour puts in its place. */
  const identity = () =>
    stat(directory).then(
      (folder) => folder.ino,
      () => null,
    )

  const wipe = async () => {
    const aside = `${directory}.${randomUUID()}.old`
    await rename(directory, aside).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await rm(aside, { recursive: true, force: true, maxRetries: 3 })
  }

  return {
    directory,
    wipe,
    git,
    async prepare() {
      if (!hasSwept) await removeLeavings(directory)
      hasSwept = true
      // A neighbour may make it, or throw it away, at the same moment.
      for (let attempt = 0; attempt < 5; attempt++) {
        const seen = await identity()
        const found = await readMark()
        if (found !== null) return found
        await explainFileSystem(directory, async () => {
          // Only what was seen broken is thrown away: a neighbour may have put a whole one there since, and work in it.
          if (seen !== null && (await identity()) === seen && (await readMark()) === null) await wipe()
          await make(directory, objectFormat, `${mark}${randomUUID()}\n`)
        })
      }
      throw erroredError('CACHE_BUSY', `the cache ${directory} is made and removed all the time`, {
        hint: 'Does another program clean this folder?',
      })
    },
    async maintain(view) {
      const stamp = join(directory, marker)
      const last = await stat(stamp).catch(() => null)
      if (last === null || Date.now() - last.mtimeMs < maintainedEveryMs) return
      const now = new Date()
      await utimes(stamp, now, now).catch(() => {})
      if ((await packBytes(directory)) > maxPackBytes) return wipe()
      await removeCrashReports(directory)
      collectGarbage(git(view))
    },
  }
}

/** A bare repository needs no more than this, and no process to make it. It appears whole or not at all. */
async function make(directory: string, objectFormat: ObjectFormat, mark: string): Promise<void> {
  const temporary = `${directory}.${randomUUID()}.new`
  const config =
    objectFormat === 'sha256'
      ? '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n'
      : '[core]\n\trepositoryformatversion = 0\n\tbare = true\n'
  await mkdir(dirname(directory), { recursive: true })
  await Promise.all(['objects', 'refs'].map((name) => mkdir(join(temporary, name), { recursive: true })))
  await Promise.all([
    writeFile(join(temporary, 'HEAD'), 'ref: refs/heads/none\n'),
    writeFile(join(temporary, 'config'), config),
    writeFile(join(temporary, marker), mark),
  ])
  await rename(temporary, directory).catch(async (error: NodeJS.ErrnoException) => {
    await rm(temporary, { recursive: true, force: true })
    // A neighbour was faster.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
}

async function explainFileSystem(directory: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT'))
      throw diskFull(directory, cause)
    throw erroredError('CACHE_UNWRITABLE', `cannot write Trunkline's cache ${directory}: ${messageOf(cause)}`, {
      hint: 'Set TRUNKLINE_HOME to a folder you may write.',
      cause,
    })
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

async function packBytes(directory: string): Promise<number> {
  const folder = join(directory, 'objects', 'pack')
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (file) => file.size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** fast-import leaves one in the repository when it gives up. */
async function removeCrashReports(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  const reports = names.filter((name) => name.startsWith('fast_import_crash_'))
  await Promise.all(reports.map((name) => rm(join(directory, name), { force: true })))
}

/** It decides by itself whether there is anything to do, and goes on after Trunkline ends. */
function collectGarbage(git: Git): void {
  const child = spawn('git', ['gc', '--auto', '--quiet'], {
    cwd: git.directory,
    env: git.environment,
    stdio: 'ignore',
    detached: true,
  })
  child.on('error', () => {})
  child.unref()
}
