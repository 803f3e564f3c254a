/**
 * Invariant 8 beyond step boundaries: real commands, killed at moments that a seed chooses, end where they would have
 * ended. `npm run crash -- --kills 1000 --seed 7` goes on with it for as long as you like.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { documentOf } from './commands.ts'
import { createCrashWorld } from './crash-world.ts'
import { assertSound, readState } from './end-state.ts'
import { goThroughOrdeal, type OrdealOptions } from './ordeal.ts'

const onLinux = process.platform !== 'linux' && 'reads /proc'

async function converges(t: TestContext, options: OrdealOptions): Promise<void> {
  const { kills, rounds, unknownHooks } = await goThroughOrdeal(options)
  assert.equal(kills.length, options.kills)
  t.diagnostic(`${kills.length} kills at random moments in ${rounds} rounds (${unknownHooks} hooks of unknown outcome)`)
}

describe('commands killed at random moments', { concurrency: 2, skip: onLinux }, () => {
  test('come to the same end as undisturbed ones, whoever goes on: a remote by path, artifacts in a layout', (t) =>
    converges(t, { way: 'path', seed: 4, kills: 72 }))

  test('… a remote over smart HTTP, artifacts in a registry', { skip: registryMissing() }, async (t) => {
    const registry = await startRegistry()
    t.after(() => registry.stop())
    let worlds = 0
    const artifacts = () => `oci+http://${registry.host}/world-${++worlds}`
    await converges(t, { way: 'http', seed: 8, kills: 36, artifacts })
  })

  for (const [word, runs] of [
    ['--assume-done', 1],
    ['--rerun', 2],
  ] as const) {
    test(`a hook killed in its middle is errored, whoever comes, until someone says ${word}`, async () => {
      await using world = await createCrashWorld({ way: 'path' })
      const death = { unit: 'about', number: 'ended-jobs', delayMs: 0, victim: 'tree' } as const
      assert.equal((await world.start(['deliver'], { death }).ended).exitCode, null)
      for (const words of [['advance'], ['deliver']]) {
        const ended = await world.start(words, { by: 'ben' }).ended
        const [stage] = documentOf<DeliveryResult>(ended, 4).environments
        assert.equal(stage?.reasons[0]?.code, 'hook-outcome-unknown')
        assert.match(stage?.reasons[0]?.hint ?? '', /--assume-done, or --rerun/)
      }
      documentOf(await world.start(['retry', 'stage', word], { by: 'ben' }).ended, 0)
      const migrations = (await world.jobs()).filter((job) => job.startsWith('stage migrate'))
      assert.equal(migrations.length, runs)
      assert.equal((await readState(world, 'stage'))?.health, 'healthy')
      await assertSound(world)
    })
  }
})
