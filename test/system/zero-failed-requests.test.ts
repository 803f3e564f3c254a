/**
 * Invariants 7 and 8 for the whole, as a user has it: real pushes to a real remote, `bin/trunkline` as a process, agent,
 * router and instances as they start themselves. People use everything all the time while commits roll out, fail, are
 * taken back, and while controllers, agents, instances and the router are killed. No request may fail.
 */
import assert from 'node:assert/strict'
import { get } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/clock/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { homeAt } from '../../src/home/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { shutDownFleet } from '../../src/targets/fleet/administration.ts'
import { eventually } from '../process/eventually.ts'
import { isThere, killed, lookInside, type RolloutPicture, watchCapacity } from './fleet-under-load.ts'
import { type Ended, openProject, type Started } from './project-under-test.ts'
import { type ExchangeKind, startSteadyLoad } from './steady-load.ts'
import {
  configuration,
  drainTimeoutMs,
  type EnvironmentName,
  environmentNames,
  environments,
  project as projectName,
  type ServedService,
  secretsOf,
  servedServices,
  services,
  steadyRepository,
  versions,
} from './steady-repository.ts'

const clientsOf: Record<ServedService, readonly ExchangeKind[]> = {
  web: ['quick', 'quick', 'slow', 'slow', 'slow', 'upload'],
  live: ['quick', 'quick', 'stream', 'socket'],
  accounts: ['quick', 'quick'],
}

/** Moments in a rollout of two instances or more; each is followed by the next, and none is over in an instant. */
const moments = {
  'the first has begun': ({ begun }: RolloutPicture) => begun > 0,
  'the first serves': ({ serving }: RolloutPicture) => serving > 0,
  'one of two is replaced': ({ serving, old, draining }: RolloutPicture) => serving > 0 && old === 1 && draining === 0,
  'the last one drains': ({ old, draining }: RolloutPicture) => old === 1 && draining === 1,
} as const
type Moment = keyof typeof moments

test('whatever happens to commits, controllers, agents and instances, no request fails', async (t) => {
  await using project = await openProject({ files: steadyRepository() })
  const inside = lookInside(project.home, projectName)
  const keyOf = (environment: EnvironmentName, service: ServedService) => `${projectName}/${environment}/${service}`
  const wanted = environmentNames.flatMap((environment) =>
    servedServices.map((service) => [keyOf(environment, service), environments[environment].replicas] as const),
  )
  const instancesInAll = services.length * environmentNames.reduce((sum, name) => sum + environments[name].replicas, 0)
  let secrets = secretsOf('first')

  const run = <Document = DeliveryResult>(exitCode: number, ...words: string[]): Promise<Document> =>
    project.json<Document>(exitCode, words, { environment: secrets })
  const outcomes = ({ environments: results }: DeliveryResult) =>
    Object.fromEntries(results.map(({ name, outcome }) => [name, outcome]))
  const everywhere = <Value>(value: Value) => Object.fromEntries(environmentNames.map((name) => [name, value]))

  const pidsOf = async (environment: EnvironmentName): Promise<Record<string, number[]>> =>
    Object.fromEntries(
      await Promise.all(services.map(async (service) => [service, await inside.pids(environment, service)])),
    )
  const allPids = async (): Promise<Record<string, Record<string, number[]>>> =>
    Object.fromEntries(await Promise.all(environmentNames.map(async (name) => [name, await pidsOf(name)])))

  await t.test('the first delivery serves in full', async () => {
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('succeeded'))
  })

  const status = await run<StatusDocument>(0, 'status')
  const addresses = new Map<string, string>(
    status.environments.flatMap(({ name, services: known }) =>
      known.map(({ name: service, url }) => [`${projectName}/${name}/${service}`, url ?? ''] as const),
    ),
  )
  const addressOf = (environment: EnvironmentName, service: ServedService): string => {
    const url = addresses.get(keyOf(environment, service))
    assert.ok(url, `${service} has an address in ${environment}`)
    return url
  }
  await using watch = watchCapacity(project.home, new Map(wanted))
  await using load = startSteadyLoad()
  for (const environment of environmentNames) {
    for (const service of servedServices) {
      for (const kind of clientsOf[service]) {
        load.add({ kind, environment, service, url: addressOf(environment, service) })
      }
    }
  }

  /** What happens in it must cost nobody a request, and no service an instance's worth of capacity. */
  const chapter = (name: string, work: () => Promise<void>) =>
    t.test(name, async () => {
      const [failed, breached, answered] = [load.failures.length, watch.breaches.length, load.succeeded('quick')]
      try {
        await work()
      } finally {
        assert.deepEqual(load.failures.slice(failed), [], 'failed requests')
        assert.deepEqual(watch.breaches.slice(breached), [], 'missing capacity')
      }
      assert.ok(load.succeeded('quick') > answered, 'people were there')
      // Looks at the processes themselves: an agent may not know of all.
      if (process.platform === 'linux') await eventually(() => inside.marked().length === instancesInAll)
    })
  const assertVersions = async (environment: EnvironmentName, expected: Partial<Record<ServedService, string>>) => {
    for (const [service, version] of Object.entries(expected) as Array<[ServedService, string]>) {
      const found = new Set<unknown>()
      for (let count = 0; count < 2 * environments[environment].replicas; count++) {
        found.add((await aboutOf(addressOf(environment, service))).version)
      }
      assert.deepEqual([...found], [version], `${service} in ${environment}`)
    }
  }
  const assertVersionsEverywhere = async (expected: Partial<Record<ServedService, string>>) => {
    for (const environment of environmentNames) await assertVersions(environment, expected)
  }
  /** Waits for a moment in the rollout of `web` that a controller drives. */
  const reached = async (controller: Started, environment: EnvironmentName, moment: Moment): Promise<void> => {
    let end: Ended | null = null
    controller.ended.then(
      (ended) => {
        end = ended
      },
      // Whoever waits for its end hears of it.
      () => {},
    )
    await eventually(async () => {
      const picture = await inside.rollout(environment, 'web').catch(() => null)
      assert.equal(end, null, `it ended before ${moment}`)
      return picture !== null && moments[moment](picture)
    })
  }
  /** A controller that dies without a word in the middle of a rollout. */
  const killedWhen = async (moment: Moment, environment: EnvironmentName, ...words: string[]): Promise<void> => {
    const controller = project.start(words, { environment: secrets })
    await reached(controller, environment, moment)
    controller.process.kill('SIGKILL')
    assert.equal((await controller.ended).exitCode, 137)
  }

  await chapter('all services roll out, in every way there is', async () => {
    const before = await allPids()
    const endless = lifetimeOfStream(`${addressOf('whole', 'live')}/events`)
    await project.push('all anew', versions('2'))
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('succeeded'))
    await assertVersionsEverywhere({ web: '2', live: '2', accounts: '2' })
    const after = await allPids()
    for (const environment of environmentNames) {
      for (const service of services) {
        const kept = after[environment]?.[service]?.filter((pid) => before[environment]?.[service]?.includes(pid))
        assert.deepEqual(kept, [], `${service} in ${environment} is replaced in full`)
        assert.equal(after[environment]?.[service]?.length, environments[environment].replicas)
      }
    }
    // A stream without end is cut, but only when its instance has waited for it as long as it says.
    assert.ok((await endless) >= drainTimeoutMs, `a stream was cut after ${await endless} ms`)
  })

  await chapter('documentation replaces no instance', async () => {
    const before = await allPids()
    await project.push('explain', { 'README.md': '# Four services, explained\n' })
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('succeeded'))
    assert.deepEqual(await allPids(), before)
  })

  await chapter('a changed secret rolls just its users', async () => {
    const before = await allPids()
    const tokenBefore = (await aboutOf(addressOf('half', 'accounts'))).token
    secrets = { ...secrets, HALF_TOKEN: 'second-of-half' }
    assert.deepEqual(outcomes(await run(0, 'deliver')), { ...everywhere('nothing'), half: 'succeeded' })
    const after = await allPids()
    const changed = environmentNames.flatMap((environment) =>
      services
        .filter((service) => String(after[environment]?.[service]) !== String(before[environment]?.[service]))
        .map((service) => `${environment}/${service}`),
    )
    assert.deepEqual(changed, ['half/accounts'])
    assert.notEqual((await aboutOf(addressOf('half', 'accounts'))).token, tokenBefore)
  })

  await chapter('a rollout that never becomes healthy comes back by itself', async () => {
    const before = await allPids()
    const yaml = { 'trunkline.yaml': configuration({ startTimeoutOfLive: '2s' }) }
    await project.push('fall ill', { ...versions('sick', ['live']), ...yaml })
    assert.deepEqual(outcomes(await run(1, 'deliver')), everywhere('failed'))
    assert.deepEqual(await allPids(), before, 'what served before was never touched')
    assert.equal((await run(3, 'deploy', 'whole')).outcome, 'refused')
  })

  await chapter('a verification that fails rolls back and yanks', async () => {
    const yaml = { 'trunkline.yaml': configuration() }
    await project.push('go wrong', { ...versions('wrong', ['web']), ...versions('2', ['live']), ...yaml })
    assert.deepEqual(outcomes(await run(1, 'deliver')), everywhere('failed'))
    await assertVersionsEverywhere({ web: '2', live: '2' })
    assert.equal((await run(3, 'deploy', 'single')).outcome, 'refused')
  })

  await chapter('a controller is killed again and again, and `advance` comes to the end', async () => {
    await project.push('mend', versions('3', ['web', 'accounts']))
    await killedWhen('the first has begun', 'single', 'deliver')
    await killedWhen('the first serves', 'single', 'deliver')
    await killedWhen('one of two is replaced', 'single', 'advance')
    await killedWhen('the last one drains', 'single', 'advance')
    await run(0, 'advance')
    await assertVersionsEverywhere({ web: '3', live: '2', accounts: '3' })
    await run(0, 'deliver')
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('nothing'))
  })

  await chapter('a controller is killed, and a newer commit takes over', async () => {
    await project.push('begin', versions('4', ['web', 'accounts']))
    await killedWhen('the first serves', 'half', 'deliver')
    await project.push('think again', versions('5', ['web']))
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('succeeded'))
    await assertVersionsEverywhere({ web: '5', live: '2', accounts: '4' })
  })

  await chapter('a controller is killed on the way to an older commit, and nothing of that way is left', async () => {
    await killedWhen('the first has begun', 'single', 'deploy', 'single', await project.clone.head('HEAD~2'))
    assert.deepEqual(outcomes(await run(0, 'deliver')), { ...everywhere('nothing'), single: 'succeeded' })
    await assertVersionsEverywhere({ web: '5', live: '2', accounts: '4' })
  })

  await chapter('people roll back and deploy older commits, side by side, and one of them is killed', async () => {
    const older = await project.clone.head('HEAD~2')
    const [deployed] = await Promise.all([
      run(0, 'deploy', 'half', older),
      killedWhen('the first serves', 'single', 'rollback', 'single'),
    ])
    assert.equal(deployed.outcome, 'succeeded')
    await run(0, 'advance')
    await assertVersions('half', { web: '3', accounts: '3' })
    await assertVersions('single', { web: '3', accounts: '3' })
    await assertVersions('whole', { web: '5', accounts: '4' })
  })

  await chapter('routes lead forward again', async () => {
    await run(0, 'resume', 'single')
    await run(0, 'deliver')
    await assertVersionsEverywhere({ web: '5', live: '2', accounts: '4' })
  })

  await chapter('agents are killed in the middle of a rollout, and the services know nothing of it', async () => {
    await project.push('roll without an agent', versions('6', ['web']))
    const controller = project.start(['deliver'], { environment: secrets })
    for (const moment of ['the first has begun', 'the first serves', 'one of two is replaced'] as const) {
      await reached(controller, 'single', moment)
      await killed(await agentSoon(), 'SIGKILL')
    }
    const { exitCode, stderr } = await controller.ended
    assert.equal(exitCode, 0, stderr)
    await assertVersionsEverywhere({ web: '6' })
    const before = await allPids()
    await killed(await inside.agentPid(), 'SIGKILL')
    await sleep(500)
    await run(0, 'status')
    assert.deepEqual(await allPids(), before, 'the new agent adopts what runs')
  })

  await chapter('the agent is replaced by one that a person starts, which is replaced in turn', async () => {
    const before = await allPids()
    const agent = await eventually(async () => {
      await killed(await agentSoon(), 'SIGTERM')
      const started = project.start(['agent'])
      // One that a controller had begun to start may be faster.
      return (await agentSoon()) === started.process.pid && started
    })
    assert.deepEqual(await allPids(), before)
    await project.push('roll under the new agent', versions('7', ['accounts']))
    assert.deepEqual(outcomes(await run(0, 'deliver')), everywhere('succeeded'))
    const after = await allPids()
    agent.process.kill('SIGTERM')
    assert.equal((await agent.ended).exitCode, 0)
    await run(0, 'status')
    assert.deepEqual(await allPids(), after)
  })

  await t.test('an instance is killed: only what was under way on it may fail, and it comes back', async () => {
    const failed = load.failures.length
    const [victim] = await inside.instances('half', 'web')
    assert.ok(victim?.pid)
    const killedMs = performance.now()
    await watch.lookAwayFrom(keyOf('half', 'web'), async () => {
      await killed(victim.pid ?? 0, 'SIGKILL')
      await eventually(async () => {
        const found = (await inside.instances('half', 'web')).find(({ id }) => id === victim.id)
        return found?.phase === 'healthy' && found.pid !== victim.pid
      })
    })
    await sleep(1000)
    const unforgivable = load.failures
      .slice(failed)
      .filter(
        (failure) => failure.environment !== 'half' || failure.service !== 'web' || failure.startedMs > killedMs + 250,
      )
    assert.deepEqual(unforgivable, [])
    // GETs that had no answer yet are asked again elsewhere: what may be left is an upload, and small POSTs.
    const kinds = load.failures.slice(failed).map(({ kind }) => kind)
    assert.ok(kinds.length <= 3 && !kinds.includes('slow'), String(kinds))
    assert.deepEqual(watch.breaches, [])
  })

  await chapter('a router that is killed while nobody asks comes back with the same addresses', async () => {
    await load.pause()
    await watch.lookAwayFrom('*', async () => {
      const before = await inside.routerPid()
      await killed(before, 'SIGKILL')
      await eventually(async () => {
        const known = await inside.routerPid().catch(() => before)
        const { environments: found } = await run<StatusDocument>(0, 'status')
        return known !== before && found.every(({ health }) => health === 'healthy')
      })
    })
    load.resume()
    await assertVersionsEverywhere({ web: '6', live: '2', accounts: '7' })
  })

  await t.test('people have used everything, and were never let down', () => {
    const kinds = ['quick', 'slow', 'upload', 'stream', 'socket'] as const
    const counts = kinds.map((kind) => [kind, load.succeeded(kind)] as const)
    t.diagnostic(`${counts.map(([kind, count]) => `${count} ${kind}`).join(', ')}; ${watch.looks} looks at capacity`)
    for (const [kind, count] of counts) assert.ok(count > 20, `${count} ${kind}`)
  })

  await t.test('and in the end nothing is left running', async () => {
    await load[Symbol.asyncDispose]()
    await watch[Symbol.asyncDispose]()
    const pids = [await inside.agentPid(), await inside.routerPid(), ...Object.values(await pidsOf('half')).flat()]
    const fleet = { home: homeAt({ TRUNKLINE_HOME: project.home }), clock: systemClock }
    await shutDownFleet(fleet, 'stop', AbortSignal.timeout(60_000))
    await eventually(() => pids.every((pid) => !isThere(pid)))
    assert.deepEqual(inside.marked(), [])
  })

  async function agentSoon(): Promise<number> {
    return await eventually(() => inside.agentPid().catch(() => null))
  }
})

async function aboutOf(url: string): Promise<{ version: string; token: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  assert.equal(response.status, 200)
  return (await response.json()) as { version: string; token: string } // Written by the program in steady-repository.ts.
}

/** How long a stream without end lives before someone ends it, in ms. Bounded: rejects where nobody does. */
function lifetimeOfStream(url: string): Promise<number> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('nobody ends the stream'))
      asked.destroy()
    }, 60_000)
    const over = () => {
      clearTimeout(timer)
      resolve(performance.now() - began)
    }
    const asked = get(url, (response) =>
      response
        .on('close', over)
        .on('error', () => {})
        .resume(),
    )
    asked.on('error', over)
  })
}
