import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { StagedStrategy, Verdict } from '../../../src/model/index.ts'
import type { StageToVerify, TargetContext } from '../../../src/ports/index.ts'
import { webApplication } from '../applications.ts'
import { requestFor } from '../requests.ts'
import { type CountedLoad, startCountedLoad } from './counted-load.ts'
import { type FleetUnderTest, openFleet } from './fleet-under-test.ts'

const stage = (weight: number, pauseMs = 0) => ({ weight, pauseMs, verify: ['it works'] })
const canary = (...weights: number[]): StagedStrategy => ({
  kind: 'canary',
  stages: [...weights, 100].map((weight) => stage(weight)),
})

type Verify = (stage: StageToVerify, signal: AbortSignal) => Promise<Verdict>

describe('rollouts in stages, under constant load', () => {
  let fleet: FleetUnderTest
  let made = 0
  before(async () => {
    fleet = await openFleet(3)
  })
  after(() => fleet.close())

  /** A service at version 1 with load on it, which no request may fail of. */
  const underLoad = async (work: (service: string, load: CountedLoad) => Promise<void>) => {
    const service = `staged-${++made}`
    const first = requestFor(service, await fleet.bundle(webApplication('1')))
    assert.deepEqual(await fleet.target.ensure(first, fleet.context()), { ok: true })
    const load = startCountedLoad(await fleet.url(service))
    try {
      await load.requests(50)
      await work(service, load)
    } finally {
      await load.stop()
    }
    assert.deepEqual(load.failures, [])
    assert.deepEqual(await fleet.target.remove(service, fleet.context(99)), { ok: true })
  }
  const contextWith = (verifyStage: Verify, change: Partial<TargetContext> = {}) => ({
    ...fleet.context(),
    verifyStage,
    ...change,
  })
  const rollTo = async (service: string, strategy: StagedStrategy, context: TargetContext, version = '2') =>
    fleet.target.ensure(requestFor(service, await fleet.bundle(webApplication(version)), { strategy }), context)

  test('a canary gets its weight of new requests, and everything in the end', async () => {
    await underLoad(async (service, load) => {
      const shares: Array<[number, number]> = []
      const verdict = await rollTo(
        service,
        canary(10, 50),
        contextWith(async ({ weight }) => {
          load.count()
          await load.requests(600)
          shares.push([weight, Math.round((100 * load.of('2')) / (load.of('1') + load.of('2')))])
          return { ok: true }
        }),
      )
      assert.deepEqual(verdict, { ok: true })
      assert.deepEqual(
        shares.map(([weight]) => weight),
        [10, 50, 100],
      )
      for (const [weight, share] of shares) {
        assert.ok(Math.abs(weight - share) <= 3, `${share} % of the requests at a weight of ${weight} %`)
      }
    })
  })
})
