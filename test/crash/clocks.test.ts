/** Wall clocks that are wrong and jump: leases run by each observer's own monotonic clock, windows by the wall's. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { eventually } from '../process/eventually.ts'
import { documentOf } from './commands.ts'
import { type Config, type CrashWorld, createCrashWorld } from './crash-world.ts'
import { assertSound, readHistory, readLease, readState } from './end-state.ts'

const hourMs = 3_600_000

/** Sets a controller's clock wrong by so many hours; whatever runs by it notices at once. */
async function setWrong(world: CrashWorld, who: string, hours: number): Promise<Record<string, string>> {
  const file = join(world.root, `clock-${who}`)
  await writeFile(file, String(hours * hourMs))
  return { CRASH_CLOCK: file }
}

const rolls = (world: CrashWorld) =>
  world
    .platform('stage')
    .effects()
    .filter((effect) => effect.startsWith('roll '))

describe('a wall clock that jumps', { concurrency: 3 }, () => {
  test('in the middle of a deployment, forward and back by hours, is none of the deployment’s business', async () => {
    await using world = await createCrashWorld({ way: 'path' })
    const clock = await setWrong(world, 'ada', 0)
    const delivery = world.start(['deliver'], { environment: { ...clock, CRASH_EFFECT_MS: '700' } })
    for (const [count, hours] of [5, -5, 26].entries()) {
      await eventually(() => rolls(world).length > count)
      await setWrong(world, 'ada', hours)
    }
    assert.equal(documentOf<DeliveryResult>(await delivery.ended, 0).outcome, 'succeeded')
    assert.equal((await readLease(world, 'stage'))?.epoch, 1, 'nobody lost the lease')
    assert.equal((await world.jobs()).length, 2)
    await assertSound(world)
  })

  test('between runs, and apart between controllers, loses nothing: history goes by its numbers, not by its times', async () => {
    await using world = await createCrashWorld({ way: 'path' })
    for (const [turn, hours] of [0, 30, -30, 5].entries()) {
      await world.push({ 'carts/main.txt': `carts ${turn}\n` })
      const environment = await setWrong(world, 'both', hours)
      const by = turn % 2 === 0 ? 'ada' : 'ben'
      assert.equal(
        documentOf<DeliveryResult>(await world.start(['deliver'], { environment, by }).ended, 0).outcome,
        'succeeded',
      )
      documentOf(await world.start(['status'], { environment }).ended, 0)
    }
    const history = await readHistory(world, 'stage')
    const times = history.map(({ at }) => Date.parse(at))
    assert.ok(
      times.some((time, index) => time < (times[index - 1] ?? time)),
      'the times do go backward',
    )
    assert.equal(history.filter(({ kind }) => kind === 'succeeded').length, 4)
    assert.equal((await readState(world, 'stage'))?.running?.commit, await world.clones.ada.head())
    await assertSound(world)
  })

  test('makes nobody take a lease from who is at work, however late it seems to be', async () => {
    await using world = await createCrashWorld({ way: 'path' })
    const working = world.start(['deliver'], { environment: { CRASH_EFFECT_MS: '2500' } })
    await eventually(() => rolls(world).length > 0)
    await world.push({ 'carts/main.txt': 'two\n' })
    const environment = await setWrong(world, 'ben', 24)
    const other = documentOf<DeliveryResult>(await world.start(['deliver'], { by: 'ben', environment }).ended, 0)
    assert.match(other.outcome, /waiting|succeeded/)
    documentOf(await working.ended, 0)
    const [first] = (await readHistory(world, 'stage')).filter(({ kind }) => kind === 'succeeded')
    assert.equal(first?.seq, (await readHistory(world, 'stage')).findIndex(({ kind }) => kind === 'succeeded') + 1)
    documentOf(await world.start(['advance']).ended, 0)
    assert.equal((await readState(world, 'stage'))?.running?.commit, await world.clones.ada.head())
    const started = (await readHistory(world, 'stage')).filter(({ kind }) => kind === 'started')
    assert.equal(started.length, 2, 'each deployment was begun once, by one controller')
    await assertSound(world)
  })

  test('opens and closes windows: what waited for one moves when the clock says so', async () => {
    await using world = await createCrashWorld({
      way: 'path',
      change(config) {
        const { stage } = config['environments'] as Record<string, Config>
        Object.assign(stage ?? {}, { windows: [{ cron: '0 9 * * *', duration: '1h', timezone: 'UTC' }] })
      },
    })
    const now = new Date()
    const until9Hours = 9 - (now.getUTCHours() + now.getUTCMinutes() / 60)
    const at = (hours: number) => setWrong(world, 'ada', until9Hours + hours)
    const run = async (words: string[], hours: number) =>
      documentOf<DeliveryResult>(await world.start(words, { environment: await at(hours) }).ended, 0).outcome
    assert.equal(await run(['deliver'], -2), 'waiting')
    assert.equal(await run(['advance'], -1), 'waiting')
    assert.deepEqual(rolls(world), [])
    assert.equal(await run(['advance'], 0.25), 'succeeded')
    await world.push({ 'carts/main.txt': 'two\n' })
    assert.equal(await run(['deliver'], 2), 'waiting', 'closed again')
    assert.equal(await run(['deliver'], 0.5), 'succeeded', 'a clock that was set back opens it')
    await assertSound(world)
  })
})
