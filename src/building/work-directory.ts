/** The clean directory of one build: made for it, owned by this process, removed after it, swept away after a crash. */
import { mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { endProcessesIn } from '../process/index.ts'
import { removeTree } from './file-trees.ts'
import { isOwnerMark, livenessOfMark, newOwnerMark } from './owner-mark.ts'
import { worldFault } from './world-fault.ts'

export type WorkDirectory = {
  root: string
  /** Where commands run: what was laid down, and nothing else. */
  tree: string
  /** `HOME` of commands. */
  home: string
  /** `TMPDIR` of commands. */
  temporary: string
  /** For packing, and for what must outlive the tree. */
  scratch: string
  /** Ends what still runs in it, and deletes all but `scratch`. */
  removeTree(): Promise<void>
  /** Ends what still runs in it, and deletes it. Twice is fine; what cannot be deleted is left to a later sweep. */
  remove(): Promise<void>
}

/** Makes an empty one. No other build, of this or another process, ever uses it. */
export async function createWorkDirectory(parent: string): Promise<WorkDirectory> {
  const root = await makeRoot(parent)
  const within = { tree: join(root, 'tree'), home: join(root, 'home'), temporary: join(root, 'tmp') }
  const scratch = join(root, 'scratch')
  try {
    for (const directory of [...Object.values(within), scratch]) await mkdir(directory)
  } catch (cause) {
    await removeTree(root)
    throw worldFault(cause, `make the build directory ${root}`)
  }
  return {
    root,
    ...within,
    scratch,
    async removeTree() {
      await endProcessesIn(root)
      for (const directory of Object.values(within)) await removeTree(directory)
    },
    async remove() {
      await endProcessesIn(root)
      // How the work ended must not be lost over its leavings.
      await removeTree(root).catch(() => {})
    },
  }
}

async function makeRoot(parent: string): Promise<string> {
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 })
    // The real path: a program asks the system where it runs, and must get the same answer as we.
    const root = join(await realpath(parent), newOwnerMark())
    // Others on the machine need not read a build's files: the top closes the way to all below.
    await mkdir(root, { mode: 0o700 })
    return root
  } catch (cause) {
    throw worldFault(cause, `make a build directory in ${parent}`)
  }
}

const maxSwept = 200
/** What another host, boot or container left here cannot be asked after: this old it is taken for dead. */
const abandonedAfterMs = 24 * 60 * 60_000

/**
 * Removes directories whose owner is dead, and what still runs in them (Linux); at most 200 a call.
 * Answers how many. What is not of our making stays.
 */
export async function sweepWorkDirectories(parent: string, nowMs: number): Promise<number> {
  const names = await readdir(parent).catch(() => [])
  let swept = 0
  for (const name of names) {
    if (swept >= maxSwept) break
    const path = join(parent, name)
    if (!isOwnerMark(name)) continue
    if (!(await isAbandoned(path, name, nowMs))) continue
    await endProcessesIn(path)
    await removeTree(path)
    swept += 1
  }
  return swept
}

async function isAbandoned(path: string, name: string, nowMs: number): Promise<boolean> {
  const liveness = livenessOfMark(name)
  if (liveness !== 'unknown') return liveness === 'dead'
  const status = await stat(path).catch(() => null)
  return status !== null && nowMs - status.mtimeMs > abandonedAfterMs
}
