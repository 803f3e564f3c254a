/**
 * `npm run simulate`: histories from seeds, on all cores. Exit code 1, with the shortest story found, where a promise is
 * broken; 2 where it is asked for something it does not know.
 */

import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { asideOfPromises } from './scheduler.ts'
import { simulateHistory } from './simulate-history.ts'
import { type Share, type Tally, type WorkerMessage, youngGeneration } from './simulate-worker.ts'
import { fleetsOfAHundred, writeStory } from './story.ts'
import { tell } from './tell.ts'

const usage = `npm run simulate -- [--histories N] [--from SEED] [--jobs N] [--minutes N]   histories from seeds
npm run simulate -- --seed N [--tell]                                        one history; its shortest story where it fails
  --fleets N    so many of a hundred histories are about a fleet (${fleetsOfAHundred}); they take twice to three times as long
  --save FILE   the first failing story, shrunk, as JSON for test/simulation/found/`

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    minutes: { type: 'string' },
    fleets: { type: 'string', default: String(fleetsOfAHundred) },
    seed: { type: 'string' },
    tell: { type: 'boolean', default: false },
    save: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

/** After so many failing seeds there is enough to look at. */
const enoughFailures = 5

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= least) return number
  console.error(`--${name} must be a whole number from ${least} on, not ${text}\n\n${usage}`)
  process.exit(2)
}

const fleets = wholeNumber('fleets', values.fleets, 0)
const asAsked = fleets === fleetsOfAHundred ? '' : ` --fleets ${fleets}`

async function runAll(from: number, to: number, jobs: number, minutes: number | null): Promise<number> {
  const startedMs = Date.now()
  const untilMs = minutes === null ? null : startedMs + minutes * 60_000
  const tally: Tally = {}
  let histories = 0
  let failures = 0
  let lastTold = startedMs
  const perSecond = (): string => (histories / ((Date.now() - startedMs) / 1000)).toFixed(0)
  const workers = Array.from({ length: jobs }, (_, index) => {
    const share: Share = { from: from + index, to, step: jobs, fleets, untilMs }
    return new Worker(new URL('./simulate-worker.ts', import.meta.url), {
      workerData: share,
      resourceLimits: youngGeneration,
    })
  })
  const ended = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('message', (message: WorkerMessage) => {
          if (message.kind === 'ended') resolve()
          if (message.kind === 'done') {
            histories += message.histories
            for (const [what, count] of Object.entries(message.tally)) tally[what] = (tally[what] ?? 0) + count
          }
          if (message.kind === 'failed') {
            failures++
            if (values.save !== undefined && failures === 1)
              writeFileSync(values.save, `${JSON.stringify(message.shrunk, null, 1)}\n`)
            console.log(`${message.story}\n\nreplay: npm run simulate -- --seed ${message.seed}${asAsked}\n`)
            if (failures >= enoughFailures) for (const other of workers) void other.terminate()
          }
          if (Date.now() - lastTold > 2000) {
            lastTold = Date.now()
            process.stderr.write(`${histories} histories, ${failures} failed, ${perSecond()} a second\n`)
          }
        })
        worker.on('error', reject)
        worker.on('exit', () => resolve())
      }),
  )
  await Promise.all(ended)
  for (const worker of workers) await worker.terminate()
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.log(`${histories} histories in ${seconds} s on ${jobs} threads, ${perSecond()} a second: ${failures} failed`)
  console.log(
    Object.entries(tally)
      .sort()
      .map(([what, count]) => `${count} ${what}`)
      .join(', '),
  )
  return failures === 0 ? 0 : 1
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (values.seed !== undefined) {
    const seed = wholeNumber('seed', values.seed, 0)
    if (!values.tell) return await runAll(seed, seed + 1, 1, null)
    console.log(await asideOfPromises(() => tell(simulateHistory(writeStory(seed, fleets)))))
    return 0
  }
  const from = wholeNumber('from', values.from, 0)
  const jobs = wholeNumber('jobs', values.jobs, 1)
  const minutes = values.minutes === undefined ? null : wholeNumber('minutes', values.minutes, 1)
  const to = minutes === null ? from + wholeNumber('histories', values.histories, 1) : Number.MAX_SAFE_INTEGER
  return await runAll(from, to, jobs, minutes)
}

process.exit(await main())
