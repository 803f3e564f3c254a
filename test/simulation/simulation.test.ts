/** The real engine in simulated worlds: what must hold after every history (docs/reliability.md). */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { asideOfPromises } from './scheduler.ts'
import { simulateHistory } from './simulate-history.ts'
import { type Share, type WorkerMessage, youngGeneration } from './simulate-worker.ts'
import { writeStory } from './story.ts'
import { tell } from './tell.ts'

const histories = 2000
/** More than the nightly run has: it makes up for that by their number. */
const fleets = 10
const threads = Math.min(2, availableParallelism())

describe('simulation', () => {
  test(`in ${histories} histories nothing that is promised is broken`, { timeout: 15 * 60_000 }, async () => {
    const failed: string[] = []
    let done = 0
    await Promise.all(
      Array.from({ length: threads }, (_, index) => {
        const share: Share = { from: 1 + index, to: 1 + histories, step: threads, fleets, untilMs: null }
        const worker = new Worker(new URL('./simulate-worker.ts', import.meta.url), {
          workerData: share,
          resourceLimits: youngGeneration,
        })
        return new Promise<void>((resolve, reject) => {
          worker.on('message', (message: WorkerMessage) => {
            if (message.kind === 'done') done += message.histories
            if (message.kind === 'failed')
              failed.push(`${message.story}\nreplay: npm run simulate -- --seed ${message.seed} --fleets ${fleets}`)
            if (failed.length > 2) void worker.terminate()
          })
          worker.on('error', reject)
          worker.on('exit', () => resolve())
        })
      }),
    )
    assert.equal(failed.length, 0, failed.join('\n\n'))
    assert.equal(done, histories)
  })

  test('the same seed tells the same story', async () => {
    for (const seed of [7, 77, 777]) {
      const once = await asideOfPromises(() => tell(simulateHistory(writeStory(seed, fleets))))
      const again = await asideOfPromises(() => tell(simulateHistory(writeStory(seed, fleets))))
      assert.equal(again, once)
    }
  })
})
