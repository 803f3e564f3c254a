/** Promoting a commit that built nothing: it works, and people are told whose builds go there. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBench, outcomes } from '../fixtures/world.ts'

describe('a tag on a commit that built nothing', () => {
  it('is promoted, and the result, the history and people say which commit was built', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const built = (await bench.state('stage')).running?.commit ?? ''
    await bench.push('main', { 'README.md': 'a shop, and a good one' })
    await bench.deliver('main')
    const written = (await bench.state('stage')).running?.commit ?? ''
    assert.notEqual(written, built)
    const result = await bench.deliver(await bench.tag('v1'))
    assert.deepEqual(outcomes(result), { prod: 'succeeded' })
    const message = `nothing was built for ${written.slice(0, 7)}: prod runs what was built at ${built.slice(0, 7)}`
    assert.deepEqual(
      result.environments[0]?.reasons.map((known) => ({
        code: known.code,
        message: known.message,
        commit: known.commit,
      })),
      [{ code: 'built-earlier', message, commit: built }],
    )
    const told = bench.notifications.filter((one) => one.environment === 'prod' && one.kind === 'succeeded')
    assert.deepEqual(
      told.map((one) => one.reasons.map((known) => known.message)),
      [[message]],
    )
    assert.ok((await bench.history('prod')).some((entry) => JSON.stringify(entry).includes(message)))
  })

  it('is not told where something was built for the commit', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    await bench.deliver('main')
    const result = await bench.deliver(await bench.tag('v1'))
    assert.deepEqual(outcomes(result), { prod: 'succeeded' })
    assert.deepEqual(result.environments[0]?.reasons, [])
  })
})
