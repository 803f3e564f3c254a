/**
 * Invariant 8 beyond step boundaries: real commands, killed at moments that a seed chooses, end where they would have
 * ended. `npm run crash -- --kills 1000 --seed 7` goes on with it for as long as you like.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { goThroughOrdeal, type OrdealOptions } from './ordeal.ts'

const onLinux = process.platform !== 'linux' && 'reads /proc'

async function converges(t: TestContext, options: OrdealOptions): Promise<void> {
  const { kills, rounds, unknownHooks } = await goThroughOrdeal(options)
  assert.equal(kills.length, options.kills)
  t.diagnostic(`${kills.length} kills at random moments in ${rounds} rounds (${unknownHooks} hooks of unknown outcome)`)
}

describe('commands killed at random moments', { concurrency: 2, skip: onLinux }, () => {
  test('come to the same end as undisturbed ones, whoever goes on: a remote by path, artifacts in a layout', (t) =>
    converges(t, { way: 'path', seed: 4, kills: 66 }))

  test('… a remote over smart HTTP, artifacts in a registry', { skip: registryMissing() }, async (t) => {
    const registry = await startRegistry()
    t.after(() => registry.stop())
    let worlds = 0
    const artifacts = () => `oci+http://${registry.host}/world-${++worlds}`
    await converges(t, { way: 'http', seed: 8, kills: 36, artifacts })
  })
})
