/** Copying, measuring and removing whole directory trees, by the system's own tools: fast, and right for any name. */
import { constants } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { type ProcessEnd, runProcess } from '../process/index.ts'
import { worldFault } from './world-fault.ts'

const timeoutMs = 10 * 60_000
/** Nothing of the caller's environment reaches these tools. */
const toolEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' }

const runTool = (argv: readonly [string, ...string[]], signal?: AbortSignal): Promise<ProcessEnd> =>
  runProcess({ argv, env: toolEnvironment, timeoutMs, ...(signal && { signal }) })

/**
 * Copies what is in one directory into another, which exists: modes, times and links kept, bytes shared where the file
 * system can (reflink, clone), never hard-linked. The copy can be changed without a trace in the original.
 */
export async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  const share = process.platform === 'darwin' ? ['-cRp'] : ['-a', '--reflink=auto']
  const copied = await runTool(['cp', ...share, '--', `${from}/.`, to], signal)
  if (copied.kind === 'exited' && copied.exitCode === 0) return
  if (/No space left|quota exceeded/i.test(copied.stderr)) throw worldFault(diskFull(copied.stderr), `copy to ${to}`)
  // A `cp` without these options, or a file system that clones nothing: the slow way does it, or says what is wrong.
  await cp(from, to, {
    recursive: true,
    force: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
  })
  signal.throwIfAborted()
}

const diskFull = (message: string) => Object.assign(new Error(message), { code: 'ENOSPC' })

/** Removes a tree, read-only folders (Go's module cache) and names in any encoding included. No error if it is gone. */
export async function removeTree(path: string): Promise<void> {
  if (await removedByTool(path)) return
  await runTool(['chmod', '-R', 'u+rwX', '--', path])
  if (await removedByTool(path)) return
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

async function removedByTool(path: string): Promise<boolean> {
  const removed = await runTool(['rm', '-rf', '--', path])
  return removed.kind === 'exited' && removed.exitCode === 0
}

/** Bytes a tree takes on disk; 0 where that cannot be told. */
export async function sizeOfTree(path: string): Promise<number> {
  const measured = await runTool(['du', '-sk', '--', path]).catch(() => null)
  return Number.parseInt(measured?.stdout.toString('latin1') ?? '', 10) * 1024 || 0
}

/** Asks the system to write a tree's file system to disk, so that it survives a loss of power. Best effort. */
export async function flushToDisk(path: string): Promise<void> {
  await runProcess({ argv: ['sync', '-f', path], env: toolEnvironment, timeoutMs: 30_000 }).catch(() => null)
}

/** Symbolic links in a tree whose target is absolute and lies in that tree, as paths in bytes. */
export async function absoluteLinksWithin(tree: string): Promise<Buffer[]> {
  const pattern = `${tree.replace(/[\\*?[\]]/g, '\\$&')}/*`
  const found = await runTool(['find', tree, '-type', 'l', '-lname', pattern, '-print0'])
  const paths: Buffer[] = []
  for (let from = 0, end = found.stdout.indexOf(0); end !== -1; from = end + 1, end = found.stdout.indexOf(0, from)) {
    paths.push(found.stdout.subarray(from, end))
  }
  return paths
}
