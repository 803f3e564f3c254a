import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  cancelledError,
  erroredError,
  type StagedStrategy,
  TrunklineError,
  type Verdict,
} from '../../../src/model/index.ts'
import type { StageToVerify, TargetContext } from '../../../src/ports/index.ts'
import { answersBadly, webApplication } from '../applications.ts'
import { getJson, requestFor } from '../requests.ts'
import { type CountedLoad, startCountedLoad } from './counted-load.ts'
import { type FleetUnderTest, openFleet } from './fleet-under-test.ts'

const stage = (weight: number, pauseMs = 0) => ({ weight, pauseMs, verify: ['it works'] })
const canary = (...weights: number[]): StagedStrategy => ({
  kind: 'canary',
  stages: [...weights, 100].map((weight) => stage(weight)),
})
/** A canary that stays at one weight for so long that only something else ends it. */
const longAt = (weight: number): StagedStrategy => ({ kind: 'canary', stages: [stage(weight, 600_000), stage(100)] })
const blueGreen = (keepMs: number): StagedStrategy => ({ kind: 'blue-green', stages: [stage(0), stage(100, keepMs)] })

type Verify = (stage: StageToVerify, signal: AbortSignal) => Promise<Verdict>

const good: Verdict = { ok: true }
const bad: Verdict = { ok: false, reasons: [{ code: 'broken', message: 'it does not work' }] }

describe('rollouts in stages, under constant load', () => {
  let fleet: FleetUnderTest
  let made = 0
  let epoch = 1
  before(async () => {
    fleet = await openFleet(3)
  })
  after(() => fleet.close())

  /** A service at version 1 with load on it, of which no request may fail. */
  const underLoad = async (work: (service: string, load: CountedLoad) => Promise<void>) => {
    const service = `staged-${++made}`
    const first = requestFor(service, await fleet.bundle(webApplication('1')))
    assert.deepEqual(await fleet.target.ensure(first, fleet.context(epoch)), good)
    const load = startCountedLoad(await fleet.url(service))
    try {
      await load.requests(30)
      await work(service, load)
    } finally {
      await load.stop()
    }
    assert.deepEqual(load.failures, [])
    await fleet.target.remove(service, fleet.context(epoch))
  }
  const contextWith = (verifyStage: Verify, change: Partial<TargetContext> = {}) => ({
    ...fleet.context(epoch),
    verifyStage,
    ...change,
  })
  const rollTo = async (
    service: string,
    strategy: StagedStrategy,
    context: TargetContext,
    files = webApplication('2'),
  ) => fleet.target.ensure(requestFor(service, await fleet.bundle(files), { strategy }), context)
  const observe = async (service: string) => {
    const observation = await fleet.target.observe([service], AbortSignal.timeout(20_000))
    const observed = observation.reachable ? observation.services[service] : undefined
    assert.ok(observed)
    return observed
  }
  /** Nobody but version 1 answers, with all its instances. */
  const assertBack = async (service: string, load: CountedLoad) => {
    await load.settled()
    load.count()
    await load.requests(100)
    assert.equal(load.of('2'), 0)
    assert.deepEqual((await observe(service)).instances, { ready: 3, desired: 3 })
  }

  test('a canary gets its weight of new requests, and everything in the end', async () => {
    await underLoad(async (service, load) => {
      const shares: Array<[number, number]> = []
      const verify: Verify = async ({ weight }) => {
        await load.settled()
        load.count()
        await load.requests(300)
        shares.push([weight, Math.round((100 * load.of('2')) / (load.of('1') + load.of('2')))])
        assert.deepEqual((await observe(service)).newSet, { weight })
        return good
      }
      assert.deepEqual(await rollTo(service, canary(10, 50), contextWith(verify)), good)
      assert.deepEqual(
        shares.map(([weight]) => weight),
        [10, 50, 100],
      )
      for (const [weight, share] of shares) {
        assert.ok(Math.abs(weight - share) <= 1, `${share} % of the requests at a weight of ${weight} %`)
      }
      const { newSet, instances } = await observe(service)
      assert.deepEqual([newSet, instances], [undefined, { ready: 3, desired: 3 }])
    })
  })

  test('a canary that answers badly is found at its own address, and gives its requests back at once', async () => {
    await underLoad(async (service, load) => {
      const asked: StageToVerify[] = []
      const lines: string[] = []
      const verify: Verify = async (reached) => {
        asked.push(reached)
        // At the public address most answers would come from the old instances.
        for (let turn = 0; turn < 5; turn++) {
          const { status } = await fetch(reached.address ?? '', { signal: AbortSignal.timeout(10_000) })
          assert.equal(status, 500)
        }
        lines.length = 0
        return bad
      }
      const context = contextWith(verify, { log: (line) => lines.push(line) })
      const verdict = await rollTo(service, canary(10, 50), context, answersBadly('2'))
      assert.ok(!verdict.ok)
      assert.deepEqual(
        verdict.reasons.map(({ code }) => code),
        ['broken', 'restored'],
      )
      assert.deepEqual(lines.slice(0, 2), ['going back to what served before', 'the new instances get no requests'])
      assert.deepEqual(
        asked.map(({ weight, verify: names }) => [weight, names]),
        [[10, ['it works']]],
      )
      // On a quick machine it has gone before anybody met it.
      assert.ok(
        load.bad.every((version) => version === '2'),
        'what failed, the canary itself had answered',
      )
      await assertBack(service, load)
    })
  })

  test('a canary that fails late, at 100 %, still finds the old instances in full', async () => {
    await underLoad(async (service, load) => {
      const verify: Verify = async ({ weight }) => (weight < 100 ? good : bad)
      assert.equal((await rollTo(service, canary(50), contextWith(verify))).ok, false)
      await assertBack(service, load)
    })
  })

  test('a blue-green rollout is verified aside, switches at once, and keeps the old instances for a while', async () => {
    await underLoad(async (service, load) => {
      const reports: string[] = []
      let preview: string | null = null
      const verify: Verify = async ({ weight, address }) => {
        assert.equal((await getJson(address))['version'], '2')
        if (weight === 0) {
          preview = address
          await load.requests(100)
          assert.equal(load.of('2'), 0, 'no request before the switch')
        } else {
          assert.equal(address, await fleet.url(service))
          // What was under way at the switch ends where it began.
          await load.settled()
          load.count()
          await load.requests(100)
          assert.deepEqual([load.of('1'), load.of('2') >= 100], [0, true], 'no request to the old after the switch')
        }
        return good
      }
      const context = contextWith(verify, {
        report: ({ stage, old }) => reports.push(`${stage?.phase} ${stage?.weight} old ${old}`),
      })
      assert.deepEqual(await rollTo(service, blueGreen(700), context), good)
      assert.ok(reports.includes('watching 100 old 3'), reports.join(', '))
      await assert.rejects(getJson(preview), 'the preview is closed')
    })
  })

  test('the agent is killed at every stage, and the canary goes on', async () => {
    await underLoad(async (service) => {
      const stages: number[] = []
      const verify: Verify = async ({ weight }) => {
        stages.push(weight)
        process.kill(await fleet.agentPid(), 'SIGKILL')
        return good
      }
      assert.deepEqual(await rollTo(service, canary(10, 50), contextWith(verify)), good)
      assert.deepEqual(stages, [10, 50, 100])
    })
  })

  for (const [when, stopAt, passed] of [
    ['before its first stage is verified', 'stage 10', []],
    ['when its first stage has passed', 'stage 50', [10]],
    ['when everything goes to the new instances', 'stage 100', [10, 50]],
  ] as const) {
    test(`invariant 8: the controller is killed ${when}, and another one goes on from there`, async () => {
      await underLoad(async (service) => {
        await killedController(fleet, service, canary(10, 50), stopAt, epoch)
        epoch++
        const stages: number[] = []
        const verify: Verify = async ({ weight }) => {
          stages.push(weight)
          return good
        }
        assert.deepEqual(await rollTo(service, canary(10, 50), contextWith(verify)), good)
        assert.deepEqual(
          [...passed, ...stages],
          [10, 50, 100],
          'what had passed is not verified again, and nothing is left out',
        )
        assert.equal((await observe(service)).instances.ready, 3)
      })
    })
  }

  test('the controller is killed during a canary, and a rollback takes it back', async () => {
    await underLoad(async (service, load) => {
      await killedController(fleet, service, longAt(50), 'watching 50', epoch)
      epoch++
      load.count()
      await load.requests(100)
      assert.ok(load.of('2') > 20, 'the canary goes on without its controller')
      const back = requestFor(service, await fleet.bundle(webApplication('1')), { strategy: 'all-at-once' })
      assert.deepEqual(await fleet.target.ensure(back, fleet.context(epoch)), good)
      await assertBack(service, load)
    })
  })

  test('the controller is killed during a canary, and a newer release does not count it as old', async () => {
    await underLoad(async (service) => {
      await killedController(fleet, service, longAt(50), 'watching 50', epoch)
      epoch++
      const answers = new Set<unknown>()
      const verify: Verify = async ({ weight, address }) => {
        if (weight === 10)
          for (let turn = 0; turn < 40; turn++) answers.add((await getJson(await fleet.url(service)))['version'])
        assert.equal((await getJson(address))['version'], '3')
        return good
      }
      assert.deepEqual(await rollTo(service, canary(10), contextWith(verify), webApplication('3')), good)
      assert.deepEqual([...answers].sort(), ['1', '3'])
    })
  })

  for (const [who, reason, answers] of [
    ['cancelled during a pause gives its requests back', cancelledError('someone cancelled'), ['1']],
    [
      'that has lost its lease during a pause changes nothing any more',
      erroredError('LEASE_LOST', 'the lease was lost'),
      ['1', '2'],
    ],
  ] as const) {
    test(`a canary ${who}`, async () => {
      await underLoad(async (service, load) => {
        const cancel = new AbortController()
        const context = contextWith(async () => good, {
          signal: cancel.signal,
          report: ({ stage }) => {
            if (stage?.phase === 'watching') cancel.abort(reason)
          },
        })
        await assert.rejects(rollTo(service, longAt(50), context), TrunklineError)
        await load.settled()
        load.count()
        await load.requests(100)
        assert.deepEqual(
          ['1', '2'].filter((version) => load.of(version) > 0),
          answers,
        )
        const back = requestFor(service, await fleet.bundle(webApplication('1')), { strategy: 'all-at-once' })
        assert.deepEqual(await fleet.target.ensure(back, fleet.context(epoch)), good)
        await assertBack(service, load)
      })
    })
  }
})

/** Another process rolls version 2 out, and is killed when it says a line. */
async function killedController(
  fleet: FleetUnderTest,
  service: string,
  strategy: StagedStrategy,
  killAt: string,
  epoch: number,
): Promise<void> {
  const script = fileURLToPath(new URL('./staged-controller.ts', import.meta.url))
  const stopAt = killAt.startsWith('stage ') ? killAt.slice('stage '.length) : 'nowhere'
  const child = spawn(
    process.execPath,
    [script, fleet.home.root, service, JSON.stringify(strategy), stopAt, String(epoch)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  for await (const line of createInterface({ input: child.stdout })) if (line === killAt) child.kill('SIGKILL')
  await ended
  assert.equal(child.signalCode, 'SIGKILL')
}
