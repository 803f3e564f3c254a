/**
 * Where Podman and Buildah keep layers between builds: folders of Trunkline's own, apart from the images of a person,
 * one for each tool and platform (older versions take a cached layer of one platform for another's). `users/` names the
 * processes that build in it now; one that grew beyond the limit is emptied when nobody does.
 */
import { chmod, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../../hashing/index.ts'
import { erroredError } from '../../model/index.ts'
import { runProcess } from '../../process/index.ts'
import { removeTree, sizeOfTree } from '../file-trees.ts'
import { tryMachineLock } from '../machine-lock.ts'
import { livenessOfMark, newOwnerMark } from '../owner-mark.ts'
import { worldFault } from '../world-fault.ts'
import { type ContainerTool, toolEnvironment } from './container-tool.ts'
import { emptyStorage, type LayerStorage } from './tool-commands.ts'

export type OpenStorage = LayerStorage & {
  /** Empties it where it is too large and nobody else builds in it. */
  close(): Promise<void>
}

export type StorageOptions = {
  /** Of all of them. */
  directory: string
  tool: ContainerTool
  platform: string
  maxBytes: number
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
}

export const defaultMaxLayerBytes = 20 * 1024 ** 3
const cleaningTimeoutMs = 120_000
const lockPatienceMs = 60_000

export async function openLayerStorage(options: StorageOptions): Promise<OpenStorage> {
  const { directory, tool, platform, signal } = options
  const place = join(directory, `${tool.kind}-${platform.replaceAll('/', '-')}`)
  const storage = { root: join(place, 'storage'), runRoot: runRootOf(place) }
  const users = join(place, 'users')
  const mark = join(users, newOwnerMark())
  await withLock(place, signal, async () => {
    await mkdir(users, { recursive: true, mode: 0o700 })
    await makeRunRoot(storage.runRoot)
    await writeFile(mark, '', { flag: 'wx' })
  })
  return {
    ...storage,
    async close() {
      await rm(mark, { force: true })
      // How the build ended must not be lost over this; the next one tries again.
      await withLock(place, AbortSignal.timeout(lockPatienceMs), () => tidy(place, storage, options)).catch(() => {})
    },
  }
}

async function tidy(place: string, storage: LayerStorage, { tool, maxBytes, environment }: StorageOptions) {
  if (await hasUsers(join(place, 'users'))) return
  if ((await sizeOfTree(storage.root)) > maxBytes) {
    for (const argv of emptyStorage(tool, storage)) {
      await runProcess({ argv, env: toolEnvironment(environment), timeoutMs: cleaningTimeoutMs }).catch(() => {})
    }
    const aside = join(place, `old-${newOwnerMark()}`)
    await rename(storage.root, aside)
    await removeTree(aside)
  }
  // Only says what is mounted, and between builds nothing is.
  await rm(storage.runRoot, { recursive: true, force: true })
}

async function hasUsers(users: string): Promise<boolean> {
  for (const name of await readdir(users)) {
    if (livenessOfMark(name) !== 'dead') return true
    await rm(join(users, name), { force: true })
  }
  return false
}

async function withLock(place: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + lockPatienceMs
  await mkdir(place, { recursive: true, mode: 0o700 }).catch((cause) => {
    throw worldFault(cause, `make ${place}`)
  })
  for (;;) {
    const lock = await tryMachineLock(join(place, 'lock'), Date.now())
    if (lock !== null) {
      try {
        return await work()
      } finally {
        await lock.release()
      }
    }
    signal.throwIfAborted()
    if (performance.now() > deadline)
      throw erroredError('IMAGE_LAYERS_BUSY', `another process has held ${place} for a minute`)
    await sleep(50)
  }
}

/** Podman takes no run root of more than 50 characters, and Trunkline's folder may lie deep. */
function runRootOf(place: string): string {
  const folder = tmpdir().length <= 25 ? tmpdir() : '/tmp'
  return join(folder, `trunkline-${sha256(`${process.getuid?.()} ${place}`).slice(0, 10)}`)
}

/** In a folder where anyone may write: what is there must be ours. */
async function makeRunRoot(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((cause) => {
    if (cause.code !== 'EEXIST') throw worldFault(cause, `make ${path}`)
  })
  const status = await lstat(path)
  if (!status.isDirectory() || (process.getuid !== undefined && status.uid !== process.getuid())) {
    throw erroredError('IMAGE_LAYERS_TAKEN', `${path} belongs to someone else`, { hint: 'remove it, or set TMPDIR' })
  }
  await chmod(path, 0o700)
}
