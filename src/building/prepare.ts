/** `prepare` once per content: whoever comes first runs it, everyone gets a copy of what it made. */
import { readlink, rm, rmdir, symlink } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { erroredError, type InputHash, passed, reason, type Verdict } from '../model/index.ts'
import { encodePath } from '../model/path-bytes.ts'
import type { Clock, InputFile, PrepareRequest, SourceRepository } from '../ports/index.ts'
import { linkCaches } from './build-environment.ts'
import { layDown } from './checkout.ts'
import type { CommandOutput } from './command-output.ts'
import { absoluteLinksWithin } from './file-trees.ts'
import { refuteByNetwork } from './network-fault.ts'
import type { PreparedSnapshots, SnapshotLimits } from './prepared-snapshots.ts'
import { runCommand } from './run-command.ts'
import { createWorkDirectory, type WorkDirectory } from './work-directory.ts'

export type PreparerOptions = {
  source: Pick<SourceRepository, 'readBlobs'>
  snapshots: PreparedSnapshots
  limits: SnapshotLimits
  clock: Clock
  workDirectory: string
  caches: string
  maxOutputBytes: number
}

export type PrepareContext = {
  /** The environment of the command, in the given directory's home. */
  environmentIn(work: WorkDirectory): Record<string, string>
  output: CommandOutput
  signal: AbortSignal
}

export type Preparer = {
  /** Lays what `prepare` makes down in an empty directory, running it first where nobody has. */
  layDown(request: PrepareRequest, directory: string, context: PrepareContext): Promise<Verdict>
}

const pollMs = 200

export function createPreparer(options: PreparerOptions): Preparer {
  const { snapshots, clock } = options
  /** Runs of this process under way: who asks for the same meanwhile shares their verdict, a red one too. */
  const underWay = new Map<InputHash, Promise<Verdict>>()

  async function makeSnapshot(request: PrepareRequest, context: PrepareContext): Promise<Verdict> {
    const deadline = clock.monotonicMs() + request.timeoutMs + 60_000
    for (let waited = false; ; waited = true) {
      const lock = await snapshots.tryLock(request.hash)
      if (lock !== null) {
        try {
          if (await snapshots.has(request.hash)) return passed
          return await runPrepare(request, options, context)
        } finally {
          await lock.release()
        }
      }
      if (clock.monotonicMs() > deadline) throw waitedTooLong()
      if (!waited) context.output.note('waiting for another process that runs `prepare` on the same files')
      await clock.sleep(pollMs, context.signal)
    }
  }

  async function snapshotMade(request: PrepareRequest, context: PrepareContext): Promise<Verdict> {
    const other = underWay.get(request.hash)
    if (other !== undefined) return sharedVerdict(other, context.signal)
    const run = makeSnapshot(request, context)
    underWay.set(request.hash, run)
    try {
      return await run
    } finally {
      underWay.delete(request.hash)
    }
  }

  return {
    async layDown(request, directory, context) {
      const { hash } = request
      // A snapshot may be pruned between being made and being copied; that this happens time and again is a fault.
      for (let attempt = 0; attempt < 5; attempt += 1) {
        context.signal.throwIfAborted()
        if (await snapshots.copyInto(hash, directory, context.signal)) return passed
        const verdict = await snapshotMade(request, context)
        if (!verdict.ok) return verdict
        // In the background: nobody waits for it, and what fails here fails again next time.
        snapshots.prune(options.limits).catch(() => {})
      }
      throw erroredError('PREPARE_LOST', 'what `prepare` made vanished before it could be used', {
        hint: 'is something else deleting files under TRUNKLINE_HOME?',
      })
    },
  }
}

const waitedTooLong = () =>
  erroredError('PREPARE_BUSY', 'another process runs `prepare` on the same files and does not come to an end', {
    hint: 'look for a `trunkline` that hangs on this machine',
  })

/** Another's run, as long as we want to wait. That it was cancelled, or errored, is not ours: the caller tries again. */
async function sharedVerdict(other: Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  let stopListening = () => {}
  const cancelled = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    stopListening = () => signal.removeEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([other.catch(() => passed), cancelled])
  } finally {
    stopListening()
  }
}

async function runPrepare(
  request: PrepareRequest,
  options: PreparerOptions,
  context: PrepareContext,
): Promise<Verdict> {
  const work = await createWorkDirectory(options.workDirectory)
  try {
    const { source, maxOutputBytes } = options
    const { output, signal } = context
    await layDown({ source, files: request.files, directory: work.tree, kind: 'inputs', signal })
    await linkCaches(work.home, options.caches)
    output.note(`prepare: ${request.run}`)
    const command = {
      ...{ title: 'prepare', run: request.run, directory: work.tree, timeoutMs: request.timeoutMs, maxOutputBytes },
      env: context.environmentIn(work),
    }
    const verdict = await runCommand(command, output, signal)
    if (!verdict.ok) {
      refuteByNetwork(verdict, 'PREPARE_NETWORK', '`prepare`')
      const why = reason('prepare-failed', '`prepare` failed, so nothing could be checked or built')
      return { ...verdict, reasons: [...verdict.reasons, why] }
    }
    await removeInputs(request.files, work.tree)
    await makeLinksRelative(work.tree)
    await options.snapshots.store(request.hash, work)
    return passed
  } finally {
    await work.remove()
  }
}

/** Takes away what was laid down, and folders that held nothing else: a build gets its own inputs, and no one else's. */
async function removeInputs(files: readonly InputFile[], tree: string): Promise<void> {
  const within = (path: string) => Buffer.concat([Buffer.from(`${tree}${sep}`), encodePath(path)])
  const folders = new Set<string>()
  for (const { path } of files) {
    await rm(within(path), { force: true, recursive: true })
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) folders.add(path.slice(0, end))
  }
  const deepestFirst = [...folders].sort().reverse()
  for (const folder of deepestFirst) await rmdir(within(folder)).catch(() => {})
}

/** Links by absolute path into this directory would lead every copy back to it, when it is long gone. */
async function makeLinksRelative(tree: string): Promise<void> {
  for (const path of await absoluteLinksWithin(tree)) {
    // One byte, one character: the names need not be UTF-8.
    const from = dirname(path.toString('latin1'))
    const target = (await readlink(path, 'buffer')).toString('latin1')
    await rm(path)
    await symlink(Buffer.from(relative(from, target) || '.', 'latin1'), path)
  }
}
