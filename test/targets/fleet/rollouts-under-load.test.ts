import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findMarked } from '../../../src/targets/fleet/agent/detached-process.ts'
import { neverHealthy, webApplication } from '../applications.ts'
import { startLoad } from '../load.ts'
import { requestFor, shortStart } from '../requests.ts'
import { type FleetUnderTest, openFleet, strategies } from './fleet-under-test.ts'

describe('invariant 7: under constant load, with slow requests in flight, no request fails', () => {
  let fleet: FleetUnderTest
  before(async () => {
    fleet = await openFleet(3)
  })
  after(() => fleet.close())

  /** A service at version 1 with load on it; answers what came of the load when `work` was done. */
  const underLoad = async (service: string, work: () => Promise<void>) => {
    const first = requestFor(service, await fleet.bundle(webApplication('1')))
    assert.deepEqual(await fleet.target.ensure(first, fleet.context()), { ok: true })
    const load = startLoad(await fleet.url(service))
    try {
      await work()
    } finally {
      await load.stop()
    }
    assert.deepEqual(load.result.failures, [])
    assert.ok(load.result.requests > 50, `${load.result.requests} requests`)
    assert.ok(load.result.slow > 5, `${load.result.slow} slow requests`)
    return load.result
  }
  const stopAndForget = (service: string, epoch = 1) => fleet.target.remove(service, fleet.context(epoch))

  for (const strategy of strategies) {
    test(`a rollout ${strategy} and the way back`, async () => {
      const service = `load-${strategy}`
      const { versions } = await underLoad(service, async () => {
        for (const version of ['2', '1']) {
          const request = requestFor(service, await fleet.bundle(webApplication(version)), { strategy })
          const reported: number[] = []
          const context = { ...fleet.context(), report: (update: { ready: number }) => reported.push(update.ready) }
          assert.deepEqual(await fleet.target.ensure(request, context), { ok: true })
          assert.equal(reported.at(-1), 3)
        }
      })
      assert.deepEqual([...versions].sort(), ['1', '2'])
      await stopAndForget(service)
    })
  }

  test('a rollout that is never healthy, and its return', async () => {
    const { versions } = await underLoad('load-broken', async () => {
      const bad = shortStart(requestFor('load-broken', await fleet.bundle(neverHealthy('2'))))
      assert.equal((await fleet.target.ensure(bad, fleet.context())).ok, false)
    })
    assert.deepEqual([...versions], ['1'])
    await stopAndForget('load-broken')
  })

  test('the agent is killed in the middle of a rollout, which goes on', async () => {
    const { versions } = await underLoad('load-agent-kill', async () => {
      const second = requestFor('load-agent-kill', await fleet.bundle(webApplication('2')), {
        strategy: 'one-at-a-time',
      })
      let kills = 0
      const context = {
        ...fleet.context(),
        log: (line: string) => {
          if (!line.includes('takes requests') || kills++ > 1) return
          fleet.agentPid().then((pid) => process.kill(pid, 'SIGKILL'), assert.fail)
        },
      }
      assert.deepEqual(await fleet.target.ensure(second, context), { ok: true })
      assert.ok(kills > 0)
    })
    assert.deepEqual([...versions].sort(), ['1', '2'])
    await stopAndForget('load-agent-kill')
  })

  test('the agent is killed again and again, at any moment, and rollouts still come to their end', async () => {
    const service = 'load-agent-kills'
    await underLoad(service, async () => {
      const killing = new AbortController()
      const kills = killAgents(fleet, killing.signal)
      for (const version of ['2', '3']) {
        const request = requestFor(service, await fleet.bundle(webApplication(version)))
        assert.deepEqual(await fleet.target.ensure(request, fleet.context()), { ok: true })
      }
      killing.abort()
      assert.ok((await kills) > 0)
    })
    const { instances } = await soonInFull(fleet, service)
    assert.equal(instances.ready, 3)
    assert.equal(processesOf(fleet, service), 3, 'nothing was started twice')
    await stopAndForget(service)
  })

  test('invariant 8: the controller is killed in the middle of a rollout, and another one finishes it', async () => {
    const service = 'load-controller-kill'
    const second = requestFor(service, await fleet.bundle(webApplication('2')), { strategy: 'one-at-a-time' })
    const { versions } = await underLoad(service, async () => {
      await killedController(fleet, service)
      const half = await fleet.target.observe([service], AbortSignal.timeout(10_000))
      assert.ok(half.reachable)
      assert.equal(half.services[service]?.generation, null)
      assert.ok((half.services[service]?.instances.ready ?? 0) >= 3)
      assert.deepEqual(await fleet.target.ensure(second, fleet.context(2)), { ok: true })
    })
    assert.deepEqual([...versions].sort(), ['1', '2'])
    await stopAndForget(service, 2)
  })
})

/** Kills whatever agent runs, at moments that have nothing to do with what it does; fewer than a target gives up at. */
async function killAgents(fleet: FleetUnderTest, signal: AbortSignal): Promise<number> {
  let kills = 0
  while (!signal.aborted && kills < 4) {
    await sleep(150 + Math.random() * 600)
    try {
      process.kill(await fleet.agentPid(), 'SIGKILL')
      kills++
    } catch {
      // None runs just now.
    }
  }
  return kills
}

async function soonInFull(fleet: FleetUnderTest, service: string) {
  const observation = await fleet.target.observe([service], AbortSignal.timeout(20_000))
  const observed = observation.reachable ? observation.services[service] : undefined
  assert.ok(observed)
  return observed
}

/** Processes of the service's instances, by their own marks: also those that no agent would know of. */
const processesOf = (fleet: FleetUnderTest, service: string): number | string =>
  process.platform === 'linux'
    ? findMarked(fleet.paths.fleetId).filter(({ marker }) => marker.includes(`.${service}-`)).length
    : 3

/** Another process rolls out version 2, and is killed when its first instance serves and the second starts. */
async function killedController(fleet: FleetUnderTest, service: string): Promise<void> {
  const script = fileURLToPath(new URL('./controller.ts', import.meta.url))
  const child = spawn(process.execPath, [script, fleet.home.root, service], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let batches = 0
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('starting') && ++batches === 2) child.kill('SIGKILL')
  }
  await ended
  assert.equal(child.signalCode, 'SIGKILL')
}
