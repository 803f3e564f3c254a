/** Runs many inputs over threads, watches that none hangs or eats the memory, and makes a small story of each failure. */
import { Worker } from 'node:worker_threads'
import { randomFrom } from './random.ts'
import { shrink } from './shrink.ts'
import type { Input } from './target.ts'
import { kindAt, targetNamed } from './targets/index.ts'
import { longestCpuMs, tooSlow } from './try-input.ts'
import type { TryRequest, WorkerJob, WorkerNews } from './worker.ts'

export type FuzzOptions = {
  target: string
  seed: number
  inputs: number
  /** Number of the first input. */
  first: number
  threads: number
}

export type Failure = { target: string; kind: string; seed: number; index: number; verdict: string; input: Input }
export type FuzzResult = { tried: number; failures: Failure[] }

/** A thread that makes no progress for so long hangs, on however busy a machine. */
const hangsAfterMs = 60_000
/** Inputs are below 1 MB; what needs more than this for one is a bomb that went off. */
const maxHeapMb = 512
/** Further ones are, as a rule, the same again. */
const mostFailures = 10
const shrinkTries = 400
/** A failure that takes long is shown as large as it is. */
const longestShrinkMs = 60_000

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const failures: Failure[] = []
  const seen = new Set<string>()
  const note = async (index: number, input: Input, verdict: string): Promise<void> => {
    const kind = kindAt(targetNamed(options.target), index)
    const key = `${kind.name} ${verdict}`
    if (seen.has(key) || failures.length >= mostFailures) return
    seen.add(key)
    const smallest = await shrinkIt(options, index, input, verdict)
    failures.push({ target: options.target, kind: kind.name, seed: options.seed, index, verdict, input: smallest })
  }
  const { first, inputs, threads } = options
  const spans = Array.from({ length: threads }, (_, at) => ({ from: first + at, to: first + inputs, step: threads }))
  await Promise.all(spans.map((span) => runSpan(options, span, note)))
  return { tried: inputs, failures }
}

type Span = Pick<WorkerJob, 'from' | 'to' | 'step'>
type Note = (index: number, input: Input, verdict: string) => Promise<void>

/** A thread that hangs or bursts is ended and its input noted; another goes on behind it. */
async function runSpan(options: FuzzOptions, span: Span, note: Note): Promise<void> {
  let { from } = span
  for (;;) {
    const end = await runThread(options, { ...span, from }, note)
    if (end.kind === 'done') return
    const input = kindAt(targetNamed(options.target), end.index).make(randomFrom(options.seed, end.index))
    await note(end.index, input, end.verdict)
    from = end.index + span.step
  }
}

type ThreadEnd = { kind: 'done' } | { kind: 'lost'; index: number; verdict: string }

function startThread(job: WorkerJob): Worker {
  return new Worker(new URL('worker.ts', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  })
}

function runThread({ target, seed }: FuzzOptions, span: Span, note: Note): Promise<ThreadEnd> {
  const shared = new SharedArrayBuffer(16)
  const progress = new Float64Array(shared)
  const worker = startThread({ target, seed, ...span, shared })
  return new Promise((resolve) => {
    const notes: Promise<void>[] = []
    let beat = 0
    let beatAtMs = performance.now()
    let isOver = false
    const finish = async (end: ThreadEnd): Promise<void> => {
      if (isOver) return
      isOver = true
      clearInterval(watch)
      await Promise.all(notes)
      if (end.kind === 'done') worker.postMessage('end')
      else await worker.terminate()
      resolve(end)
    }
    const watch = setInterval(() => {
      if (progress[1] !== beat) {
        beat = progress[1] ?? 0
        beatAtMs = performance.now()
      } else if (performance.now() - beatAtMs > hangsAfterMs && progress[0] !== -1) {
        void finish({ kind: 'lost', index: progress[0] ?? 0, verdict: tooSlow })
      }
    }, 1_000)
    worker.on('message', (news: WorkerNews) => {
      if (news.kind === 'failed') notes.push(note(news.index, asInput(news.input), news.verdict))
      if (news.kind === 'done') void finish({ kind: 'done' })
    })
    // A promise that is never settled leaves the thread with nothing to do.
    worker.on('exit', () => void finish({ kind: 'lost', index: progress[0] ?? 0, verdict: 'never ended' }))
    worker.on('error', (error) => {
      void finish({
        kind: 'lost',
        index: progress[0] ?? 0,
        verdict: `ended the thread: ${error.message.split('\n')[0]}`,
      })
    })
  })
}

/** Buffers arrive from threads as plain bytes. */
const asInput = (input: Input): Input => (typeof input === 'string' ? input : Buffer.from(input))

/** In threads of their own, for a candidate may hang or burst as well. */
async function shrinkIt({ target, seed }: FuzzOptions, index: number, input: Input, verdict: string): Promise<Input> {
  const lab = createLab({ target, seed, from: 0, to: 0, step: 1, shared: new SharedArrayBuffer(16) })
  const endsAtMs = performance.now() + longestShrinkMs
  const failsAgain = async (candidate: Input): Promise<boolean> =>
    performance.now() < endsAtMs && (await lab.try({ index, input: candidate })) === verdict
  try {
    return await shrink(input, failsAgain, shrinkTries)
  } finally {
    lab.close()
  }
}

function createLab(job: WorkerJob) {
  let worker: Worker | null = null
  let isReady = false
  return {
    try(request: TryRequest): Promise<string | null> {
      worker ??= startThread(job)
      const thread = worker
      return new Promise((resolve) => {
        const answer = (verdict: string | null): void => {
          clearTimeout(timer)
          thread.removeAllListeners()
          resolve(verdict)
        }
        const lost = (verdict: string): void => {
          worker = null
          isReady = false
          void thread.terminate()
          answer(verdict)
        }
        let timer: NodeJS.Timeout | undefined
        const startClock = (): void => {
          timer = setTimeout(() => lost(tooSlow), 4 * longestCpuMs)
        }
        thread.on('message', (news: WorkerNews) => {
          // A new thread first says that it is there: loading the code is none of the input's time.
          if (news.kind === 'done') startClock()
          if (news.kind === 'tried') answer(news.verdict)
        })
        if (isReady) startClock()
        isReady = true
        thread.on('error', (error) => lost(`ended the thread: ${error.message.split('\n')[0]}`))
        thread.postMessage(request)
      })
    },
    close: () => void worker?.postMessage('end'),
  }
}

/** What went wrong, the smallest input that shows it, and how to see it again. */
export function story({ target, kind, seed, index, verdict, input }: Failure): string {
  const shown = typeof input === 'string' ? JSON.stringify(input) : `base64 ${input.toString('base64')}`
  return [
    `${target}, ${kind}: ${verdict}`,
    `  input, made small: ${shown.length > 4_000 ? `${shown.slice(0, 4_000)}… (${shown.length} characters)` : shown}`,
    `  again: npm run fuzz -- --target ${target} --seed ${seed} --first ${index} --inputs 1`,
  ].join('\n')
}
