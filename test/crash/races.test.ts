/** Several controllers on one remote, and CI jobs that come late: real processes, homes and caches of their own. */
import assert from 'node:assert/strict'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { eventually } from '../process/eventually.ts'
import { documentOf } from './commands.ts'
import { type Config, type CrashWorld, createCrashWorld } from './crash-world.ts'
import { assertSound, endState, readBuilds, readHistory, readLease, readState } from './end-state.ts'

/** Every build gives other bytes, as one with a date in it does: two that count would show. */
const withChanceInBuilds = (config: Config) => {
  for (const service of Object.values(config['services'] as Record<string, Config>)) {
    const { run } = service['build'] as { run: string }
    service['build'] = { run: `${run} && cat /proc/sys/kernel/random/uuid >> ${service['path']}/dist/main.txt` }
  }
}

/** A machine of its own: another home, the same remote and store. */
const machine = async (world: CrashWorld, name: string): Promise<Record<string, string>> => {
  const home = join(world.root, `home-${name}`)
  await mkdir(home)
  return { TRUNKLINE_HOME: home }
}

const outcomeOf = (result: DeliveryResult, environment = 'stage') =>
  result.environments.find(({ name }) => name === environment)?.outcome ?? result.outcome

async function assertOneOfEverything(world: CrashWorld): Promise<void> {
  const builds = await readBuilds(world)
  assert.equal(new Set(builds.map(({ inputHash }) => inputHash)).size, builds.length, 'one build record an input hash')
  const state = await readState(world, 'stage')
  const running = world.platform('stage').running()
  for (const [name, service] of Object.entries(state?.running?.services ?? {})) {
    const recorded = builds.find(({ inputHash }) => inputHash === service.inputHash)
    assert.equal(service.artifact, recorded?.artifact, `${name} runs the bytes on record`)
    assert.equal(running[name], recorded?.artifact, `${name} really does`)
  }
  assert.equal((await readLease(world, 'stage'))?.holder, null, 'the lease is free')
  await assertSound(world)
}

describe('controllers that race on one remote', { concurrency: 3 }, () => {
  for (const way of ['path', 'http'] as const) {
    test(`four with one commit, remote by ${way}: one record, one release, one deployment`, async () => {
      await using world = await createCrashWorld({ way, change: withChanceInBuilds })
      const machines = await Promise.all(['one', 'two', 'three', 'four'].map((name) => machine(world, name)))
      const ended = await Promise.all(
        machines.map(
          (environment, index) => world.start(['deliver'], { environment, by: index % 2 === 0 ? 'ada' : 'ben' }).ended,
        ),
      )
      const results = ended.map((one) => documentOf<DeliveryResult>(one, 0))
      assert.ok(results.some((result) => outcomeOf(result) === 'succeeded'))
      assert.deepEqual(
        results
          .map((result) => outcomeOf(result))
          .filter((outcome) => !/succeeded|waiting|nothing|superseded/.test(outcome)),
        [],
      )
      assert.equal(new Set(results.flatMap(({ release }) => release ?? [])).size, 1, 'all speak of one release')
      documentOf(await world.start(['advance']).ended, 0)
      await assertOneOfEverything(world)
      const rollouts = world
        .platform('stage')
        .effects()
        .filter((effect) => effect.startsWith('roll '))
      assert.equal(rollouts.length, 4, 'two services of two instances, each rolled once')
      assert.equal((await world.jobs()).length, 2, 'each hook ran once')
    })
  }

  test('with commits that come one after the other: the newest runs, and none before it comes back', async () => {
    await using world = await createCrashWorld({ way: 'path', change: withChanceInBuilds })
    const running = []
    for (const [turn, name] of ['one', 'two', 'three'].entries()) {
      const environment = await machine(world, name)
      await world.push({ 'carts/main.txt': `carts ${turn}\n` })
      running.push(world.start(['deliver'], { environment }))
    }
    for (const { ended } of running) documentOf(await ended, 0)
    documentOf(await world.start(['advance']).ended, 0)
    await assertOneOfEverything(world)
    assert.equal((await readState(world, 'stage'))?.running?.commit, await world.clones.ada.head())
    const order = (await readHistory(world, 'stage')).flatMap((event) =>
      event.kind === 'succeeded' ? event.candidate.commit : [],
    )
    const commits = (await world.clones.ada.git('rev-list', '--reverse', 'main')).split('\n')
    const positions = order.map((commit) => commits.indexOf(commit))
    assert.deepEqual(positions, [...positions].sort(), 'never back to an older one')
  })

  test('with people who write to the same history: no word of anyone is lost', async () => {
    await using world = await createCrashWorld({ way: 'path' })
    documentOf(await world.start(['deliver']).ended, 0)
    const first = await world.clones.ada.head()
    await world.push({ 'carts/main.txt': 'two\n' })
    const delivery = world.start(['deliver'])
    const words = [
      ['hold', 'stage'],
      ['hold', 'prod'],
      ['yank', first],
    ].map((command) => world.start([...command, '--reason', 'a word'], { by: 'ben' }))
    for (const { ended } of [...words, delivery]) documentOf(await ended, 0)
    for (const environment of ['stage', 'prod'])
      assert.equal((await readHistory(world, environment)).filter(({ kind }) => kind === 'held').length, 1)
    assert.equal((await endState(world)).yanks.length, 1)
    documentOf(await world.start(['resume', 'stage']).ended, 0)
    documentOf(await world.start(['advance']).ended, 0)
    await assertOneOfEverything(world)
  })
})

describe('a CI job that ends after a newer one', { concurrency: 3 }, () => {
  test('is superseded: exit 0 and no effect', async () => {
    await using world = await createCrashWorld({ way: 'path' })
    const old = await world.clones.ada.head()
    await world.push({ 'carts/main.txt': 'two\n' })
    documentOf(await world.start(['deliver']).ended, 0)
    const [effects, history] = [world.platform('stage').effects(), await readHistory(world, 'stage')]
    const late = await world.start(['deliver', '--ref', 'main', '--commit', old], { by: 'ben' }).ended
    assert.equal(documentOf<DeliveryResult>(late, 0).outcome, 'superseded')
    assert.deepEqual(world.platform('stage').effects(), effects)
    assert.deepEqual(await readHistory(world, 'stage'), history)
  })

  test('that was slow to build keeps its build, and deploys nothing', async () => {
    await using world = await createCrashWorld({
      way: 'path',
      change(config) {
        const carts = (config['services'] as Record<string, Config>)['carts'] as Config
        const wait =
          'if grep -q SLOW carts/main.txt; then while [ ! -e "$GO" ]; do touch "$GO.waits"; sleep 0.1; done; fi'
        carts['build'] = { run: `${wait}; mkdir carts/dist && cp carts/main.txt carts/dist/`, passEnv: ['GO'] }
      },
    })
    const GO = join(world.root, 'go')
    const run = (words: string[]) => world.start(words, { environment: { GO } })
    documentOf(await run(['deliver']).ended, 0)
    const old = await world.push({ 'carts/main.txt': 'SLOW\n' })
    const slow = run(['deliver'])
    await eventually(() =>
      access(`${GO}.waits`).then(
        () => true,
        () => false,
      ),
    )
    await world.push({ 'carts/main.txt': 'quick\n' })
    documentOf(await run(['deliver']).ended, 0)
    const effects = world.platform('stage').effects()
    await writeFile(GO, '')
    const result = documentOf<DeliveryResult>(await slow.ended, 0)
    assert.equal(outcomeOf(result), 'superseded')
    assert.deepEqual(world.platform('stage').effects(), effects)
    assert.ok((await readBuilds(world)).some(({ commit, service }) => commit === old && service === 'carts'))
    await assertOneOfEverything(world)
  })

  for (const newer of [true, false]) {
    test(`that stood still beyond its lease wakes to ${newer ? 'a newer release' : 'its own release, finished by another'}, stops, and writes nothing`, async () => {
      await using world = await createCrashWorld({
        way: 'path',
        change: (config) => Object.assign(config, { state: { leaseTtl: '12s' } }),
      })
      documentOf(await world.start(['deliver']).ended, 0)
      const before = world.platform('stage').effects().length
      await world.push({ 'carts/main.txt': 'two\n', 'products/main.txt': 'two\n' })
      // A second an effect: it is found in the middle of its rollout.
      const sleeper = world.start(['deliver'], { environment: { CRASH_EFFECT_MS: '1500' } })
      await eventually(() =>
        world
          .platform('stage')
          .effects()
          .slice(before)
          .some((effect) => effect.startsWith('roll ')),
      )
      sleeper.process.kill('SIGSTOP')
      if (newer) await world.push({ 'carts/main.txt': 'three\n' })
      const taken = documentOf<DeliveryResult>(await world.start(['deliver'], { by: 'ben' }).ended, 0)
      assert.equal(outcomeOf(taken), 'succeeded')
      const there = async () => ({
        effects: world.platform('stage').effects(),
        history: await readHistory(world, 'stage'),
        lease: await readLease(world, 'stage'),
      })
      const asLeft = await there()
      sleeper.process.kill('SIGCONT')
      const woken = documentOf<DeliveryResult>(await sleeper.ended, 4)
      assert.match(JSON.stringify(woken), /lease-lost|stale-controller/)
      assert.deepEqual(await there(), asLeft, 'it wrote nothing, and did nothing')
      assert.equal((await readState(world, 'stage'))?.running?.commit, await world.clones.ada.head())
    })
  }
})
