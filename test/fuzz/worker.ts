/** A thread that tries inputs: a span of them by their numbers, or one that is handed over. */
import { parentPort, workerData } from 'node:worker_threads'
import { randomFrom } from './random.ts'
import type { Input } from './target.ts'
import { kindAt, targetNamed } from './targets/index.ts'
import { tryInput } from './try-input.ts'

export type WorkerJob = {
  target: string
  seed: number
  /** The numbers `from`, `from + step`, … below `to`. */
  from: number
  to: number
  step: number
  /** The number under way and a beat, for the one who watches. */
  shared: SharedArrayBuffer
}

export type WorkerNews =
  | { kind: 'failed'; index: number; input: Input; verdict: string }
  | { kind: 'done' }
  | { kind: 'tried'; verdict: string | null }

/** Asks the thread to try one input, as the kind of input that `index` is. */
export type TryRequest = { index: number; input: Input }

const job = workerData as WorkerJob
const target = targetNamed(job.target)
const progress = new Float64Array(job.shared)
const port = parentPort
if (port === null) throw new Error('this is the program of a thread')
const tell = (news: WorkerNews): void => port.postMessage(news)

await target.open?.()
port.on('message', async (request: TryRequest | 'end') => {
  if (request === 'end') {
    await target.close?.()
    port.close()
    return
  }
  // Buffers arrive as plain bytes.
  const input = typeof request.input === 'string' ? request.input : Buffer.from(request.input)
  tell({ kind: 'tried', verdict: await tryInput(kindAt(target, request.index), input) })
})
for (let index = job.from; index < job.to; index += job.step) {
  progress[0] = index
  progress[1] = (progress[1] ?? 0) + 1
  const kind = kindAt(target, index)
  const input = kind.make(randomFrom(job.seed, index))
  const verdict = await tryInput(kind, input)
  if (verdict !== null) tell({ kind: 'failed', index, input, verdict })
}
progress[0] = -1
tell({ kind: 'done' })
