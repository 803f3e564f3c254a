/**
 * Commands and agents killed at random moments over a real fleet with load on it: no request fails, hooks run once, and
 * it converges. The router is killed as well, which may cut what is open on it and nothing else.
 * (test/system/zero-failed-requests.test.ts kills at chosen moments, instances too, under every kind of traffic.)
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/clock/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { homeAt } from '../../src/home/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { shutDownFleet } from '../../src/targets/fleet/administration.ts'
import { eventually } from '../process/eventually.ts'
import { isThere, lookInside } from '../system/fleet-under-load.ts'
import { webApplication } from '../targets/applications.ts'
import { startLoad } from '../targets/load.ts'
import { documentOf } from './commands.ts'
import { type Config, type CrashWorld, createCrashWorld } from './crash-world.ts'
import { readState } from './end-state.ts'
import { chanceFrom } from './random.ts'

const seed = 3
const rounds = 3
const killsARound = 3
const startedInPeace = 1

/** One web service of two instances, whose hook leaves a line for each time it ran. */
const asWebShop = (hookRuns: string) => (config: Config) => {
  config['services'] = {
    web: {
      path: 'web',
      infer: false,
      build: { run: 'mkdir web/dist && cp web/main.js web/dist/ && sleep 0.2' },
      artifact: { bundle: { include: ['dist/**'] } },
      run: { command: 'node dist/main.js', port: 'PORT', health: '/health', drainTimeout: '5s' },
    },
  }
  config['environments'] = {
    stage: {
      on: { branch: 'main' },
      target: { fleet: { hosts: ['local'], replicas: 2 } },
      rollout: 'one-at-a-time',
      hooks: { before: [{ name: 'migrate', run: `sleep 0.3; echo ran >> ${hookRuns}`, service: 'web' }] },
    },
  }
  delete config['tasks']
}

async function addressOf(world: CrashWorld): Promise<string> {
  const { environments } = documentOf<StatusDocument>(await world.start(['status']).ended, 0)
  const url = environments[0]?.services[0]?.url
  assert.ok(url)
  return url
}

async function runToTheEnd(world: CrashWorld): Promise<void> {
  await eventually(async () => {
    documentOf(await world.start(['deliver'], { by: 'ben' }).ended, 0)
    return documentOf<DeliveryResult>(await world.start(['advance']).ended, 0).outcome === 'nothing'
  }, 120_000)
}

test('a real fleet under load outlives random kills of commands and agents', {
  skip: process.platform !== 'linux' && 'reads /proc',
}, async (t) => {
  let hookRuns = ''
  await using world = await createCrashWorld({
    way: 'path',
    platform: 'fleet',
    files: { 'web/main.js': webApplication('0')['main.js'] },
    change(config, root) {
      hookRuns = join(root, 'hook-runs')
      asWebShop(hookRuns)(config)
    },
  })
  // Two controllers, one host.
  await mkdir(join(world.home('ada'), 'fleet'), { mode: 0o700 })
  await symlink(join(world.home('ada'), 'fleet'), join(world.home('ben'), 'fleet'))
  const home = homeAt({ TRUNKLINE_HOME: world.home('ada') })
  // Before the world's folder goes: without it nobody would know what there is to end.
  await using _fleet = {
    [Symbol.asyncDispose]: () => shutDownFleet({ home, clock: systemClock }, 'stop', AbortSignal.timeout(60_000)),
  }
  const inside = lookInside(world.home('ada'), 'shop')
  const chance = chanceFrom(seed)
  const first = await world.start(['deliver']).ended
  documentOf(first, 0)
  assert.ok(first.counts)
  const url = await addressOf(world)
  const version = async () => ((await (await fetch(url)).json()) as { version: string }).version
  const hooks = async () => (await readFile(hookRuns, 'utf8')).trim().split('\n').length

  let [commands, agents] = [0, 0]
  const load = startLoad(url)
  try {
    for (let round = 1; round <= rounds; round++) {
      await world.push({ 'web/main.js': webApplication(String(round))['main.js'] })
      for (let kill = 0; kill < killsARound; kill++) {
        const unit = chance.oneOf(['moment', 'call'] as const)
        const death = {
          unit,
          // What goes on with something has less to do than who began it.
          number: chance.between(1, Math.floor(first.counts[unit] * (kill === 0 ? 0.8 : 0.3))),
          delayMs: chance.between(0, 300),
          victim: chance.oneOf(['process', 'tree'] as const),
        }
        const delivery = world.start(['deliver'], { by: chance.oneOf(['ada', 'ben'] as const), death })
        if (kill === 1) {
          await sleep(chance.between(300, 1500))
          const pid = await inside.agentPid().catch(() => null)
          if (pid !== null && isThere(pid)) process.kill(pid, 'SIGKILL')
          agents += pid === null ? 0 : 1
        }
        if ((await delivery.ended).exitCode === null) commands += 1
      }
      await runToTheEnd(world)
      assert.equal(await version(), String(round))
      assert.equal(await hooks(), startedInPeace + round, 'the hook ran once in each round')
      assert.equal((await inside.pids('stage', 'web')).length, 2)
    }
  } finally {
    await load.stop()
  }
  assert.deepEqual(load.result.failures, [], 'no request failed')
  assert.ok(load.result.requests > 100)
  assert.ok(commands >= rounds)
  t.diagnostic(`${commands} commands and ${agents} agents killed over a real fleet, ${load.result.requests} requests`)

  await t.test(
    'and of the router, in the middle of a rollout: it is back, and the rollout comes to its end',
    async () => {
      await world.push({ 'web/main.js': webApplication('last')['main.js'] })
      const delivery = world.start(['deliver'])
      const before = await inside.routerPid()
      await eventually(async () => (await inside.rollout('stage', 'web')).begun > 0, 60_000)
      process.kill(before, 'SIGKILL')
      const ended = await delivery.ended
      if (ended.exitCode !== 0) documentOf(ended, 1, 4)
      await eventually(async () => (await inside.routerPid().catch(() => before)) !== before, 60_000)
      if ((await readState(world, 'stage'))?.running?.commit !== (await world.clones.ada.head()))
        documentOf(await world.start(['retry', 'stage']).ended, 0)
      await runToTheEnd(world)
      assert.equal(await addressOf(world), url, 'at the same address')
      assert.equal(await version(), 'last')
      const again = startLoad(url)
      await sleep(1000)
      await again.stop()
      assert.deepEqual(again.result.failures, [])
      assert.equal((await inside.pids('stage', 'web')).length, 2)
    },
  )
})
