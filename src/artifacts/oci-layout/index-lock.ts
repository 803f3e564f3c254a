/** One writer of `index.json` at a time, over all processes of a machine. */
import { setTimeout as sleep } from 'node:timers/promises'
import { erroredError } from '../../model/index.ts'
import { tryLockFile } from '../../process/index.ts'
import { throwIfAborted } from '../artifact-errors.ts'

const patienceMs = 60_000

/** Runs `work` as the only holder. Errored `ARTIFACT_STORE_BUSY` when others hold it for a minute. */
export async function withIndexLock<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const lock = await tryLockFile(path)
    if (lock !== null) {
      try {
        return await work()
      } finally {
        lock.release()
      }
    }
    throwIfAborted(signal)
    if (performance.now() > deadline) throw busy(path)
    await sleep(2 + Math.random() * 20)
  }
}

const busy = (path: string) =>
  erroredError('ARTIFACT_STORE_BUSY', `another process has held ${path} for a minute`, {
    hint: 'end the process that writes to this artifact store, then try again',
  })
