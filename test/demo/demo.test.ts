import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DemoSummary } from '../../src/demo/index.ts'
import { removeRemote, runTrunkline } from './run-trunkline.ts'

describe('the demo', () => {
  it('tells the whole story of the shop, every chapter holds, and nobody notices anything', {
    timeout: 600_000,
  }, async (t) => {
    const { exitCode, stdout, stderr } = await runTrunkline(['demo', '--json'])
    const summary = JSON.parse(stdout) as DemoSummary
    t.after(() => removeRemote(summary))
    assert.deepEqual(
      summary.story.filter((chapter) => !chapter.ok).map((chapter) => `${chapter.name}: ${chapter.problem}`),
      [],
      stderr,
    )
    assert.equal(summary.story.length, 8)
    assert.equal(summary.failedRequests, 0, summary.failures.join('\n'))
    assert.ok(summary.requests > 500, `only ${summary.requests} requests were made`)
    assert.ok(summary.builds > 7)
    assert.ok(summary.promotions >= 4)
    assert.equal(exitCode, 0)
  })

  it('says which examples have a story when asked for one that has none', async () => {
    const { exitCode, stdout } = await runTrunkline(['demo', '--example', 'nothing', '--json'])
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } }
    assert.equal(exitCode, 2)
    assert.equal(error.code, 'UNKNOWN_EXAMPLE')
    assert.match(error.hint, /microservices-shop/)
  })
})
