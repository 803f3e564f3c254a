/** Registries and remotes in trouble: tried again with patience and a bound, then *errored* with a sentence, then well again. */
import assert from 'node:assert/strict'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { eventually } from '../process/eventually.ts'
import { documentOf } from './commands.ts'
import { type Config, type CrashWorld, createCrashWorld } from './crash-world.ts'
import { assertSound, readBuilds, readState } from './end-state.ts'
import { type FaultyRegistry, startFaultyRegistry } from './faulty-registry.ts'

const deliver = async (world: CrashWorld, exitCode = 0): Promise<string> => {
  const ended = await world.start(['deliver']).ended
  documentOf(ended, exitCode)
  return ended.stdout
}

async function assertDelivered(world: CrashWorld, builds: number): Promise<void> {
  assert.equal((await readState(world, 'stage'))?.running?.commit, await world.clones.ada.head())
  assert.equal((await readBuilds(world)).length, builds, 'one build record for each build')
  await assertSound(world)
}

/** `products` is built from the artifact of `carts`, so that bytes are read as well as written. */
const withNeeds = (config: Config) => {
  const { products } = config['services'] as Record<string, Config>
  Object.assign(products ?? {}, { needs: ['carts'] })
}

describe('a registry in trouble', { skip: registryMissing() }, () => {
  test('is asked again where that helps, and said to be at fault where it does not', async (t) => {
    const registry = await startRegistry()
    t.after(() => registry.stop())
    await using faulty = await startFaultyRegistry(registry.host)
    await using world = await createCrashWorld({
      way: 'path',
      artifacts: `oci+http://${faulty.host}/shop`,
      change: withNeeds,
    })
    await deliver(world)
    let turn = 0
    const change = () => world.push({ 'carts/main.txt': `carts ${++turn}\n` })
    const isRead = (method: string, path: string) => method === 'GET' && path.includes('/blobs/')

    await t.test('500, twice: it is asked again', async () => {
      await change()
      faulty.fault({ kind: 'status', status: 500 }, 2, (method) => method === 'PUT')
      await deliver(world)
      assert.equal(faulty.dealt, 2)
    })
    await t.test('429 with Retry-After: nothing is asked before', async () => {
      await change()
      faulty.fault({ kind: 'status', status: 429, headers: { 'retry-after': '2' } }, 1, (method) => method === 'PUT')
      const before = faulty.requests.length
      await deliver(world)
      assertWaited(faulty, before, 2000)
    })
    await t.test('an answer that breaks off in the middle: the rest is fetched', async () => {
      await change()
      faulty.fault({ kind: 'truncated' }, 1, isRead)
      await deliver(world)
      assert.equal(faulty.dealt, 1)
    })
    await t.test('bytes of another digest: never built from, errored, and well again', async () => {
      await change()
      faulty.fault({ kind: 'other-bytes' }, Number.MAX_SAFE_INTEGER, isRead)
      assert.match(await deliver(world, 4), /ARTIFACT_CORRUPT/)
      faulty.fault({ kind: 'status', status: 500 }, 0)
      await deliver(world)
    })
    await t.test('500 without end: errored with its name, exit 4; what it has taken is not built again', async () => {
      await change()
      faulty.fault({ kind: 'status', status: 500 }, Number.MAX_SAFE_INTEGER)
      const said = await deliver(world, 4)
      assert.match(said, new RegExp(`REGISTRY_FAILED[\\s\\S]*${faulty.host}`))
      assert.match(said, /"hint": "/)
      faulty.fault({ kind: 'status', status: 500 }, 0)
      await deliver(world)
    })
    await t.test('silence: the request ends with the command, at once', async () => {
      await change()
      faulty.fault({ kind: 'silent' }, Number.MAX_SAFE_INTEGER, (method) => method === 'PUT' || method === 'POST')
      const waiting = world.start(['deliver'])
      await eventually(() => faulty.dealt > 0)
      waiting.process.kill('SIGINT')
      assert.equal((await waiting.ended).exitCode, 130)
      faulty.fault({ kind: 'status', status: 500 }, 0)
      await deliver(world)
    })
    // The first delivery made two; each change made carts and what is built from it anew.
    await assertDelivered(world, 2 + 2 * turn)
  })
})

function assertWaited({ requests }: FaultyRegistry, before: number, waitMs: number): void {
  const own = requests.slice(before)
  const refused = own.findIndex(({ method }) => method === 'PUT')
  const again = own.find(({ path }, index) => index > refused && path === own[refused]?.path)
  const next = own.slice(refused + 1).find(({ method }) => method === 'PUT' || method === 'HEAD')
  const first = own[refused]
  assert.ok(first && (again ?? next))
  assert.ok(((again ?? next)?.atMs ?? 0) - first.atMs >= waitMs, 'it waited as long as it was told')
}

describe('a remote in trouble', { concurrency: 3 }, () => {
  test('whose hook refuses the push is errored in its own words; what was begun goes on when it does not', async () => {
    await using world = await createCrashWorld({ way: 'http' })
    const hook = join(world.remote.directory, 'hooks', 'pre-receive')
    const refuse = async () => {
      await writeFile(hook, '#!/bin/sh\necho "refs are frozen until Monday" >&2\nexit 1\n')
      await chmod(hook, 0o755)
    }
    await refuse()
    assert.match(await deliver(world, 4), /STATE_REJECTED[\s\S]*refs are frozen until Monday/)
    assert.deepEqual(world.platform('stage').effects(), [], 'what cannot be written down is not done')
    await rm(hook)
    await deliver(world)
    // In the middle of a deployment: its effects stop, and another run finishes it.
    await world.push({ 'carts/main.txt': 'two\n', 'products/main.txt': 'two\n' })
    const before = world.platform('stage').effects().length
    const delivery = world.start(['deliver'], { environment: { CRASH_EFFECT_MS: '500' } })
    await eventually(() => world.platform('stage').effects().length > before)
    await refuse()
    const ended = await delivery.ended
    documentOf(ended, 4)
    assert.match(ended.stdout, /refs are frozen until Monday/)
    await rm(hook)
    await deliver(world)
    await assertDelivered(world, 4)
    assert.equal(new Set(await world.jobs()).size, (await world.jobs()).length)
  })

  for (const trouble of ['away', 'silent', 'answering 500'] as const) {
    test(`that is ${trouble} for some seconds in the middle of a deployment costs time and nothing else`, async () => {
      await using world = await createCrashWorld({ way: 'http' })
      const { server } = world
      assert.ok(server)
      await deliver(world)
      await world.push({ 'carts/main.txt': 'two\n', 'products/main.txt': 'two\n' })
      const before = world.platform('stage').effects().length
      const delivery = world.start(['deliver'], { environment: { CRASH_EFFECT_MS: '400' } })
      await eventually(() => world.platform('stage').effects().length > before)
      if (trouble === 'silent') server.hang(true)
      else server.failNext(Number.MAX_SAFE_INTEGER, trouble === 'away' ? 503 : 500)
      await sleep(3000)
      server.hang(false)
      server.failNext(0)
      const result = documentOf<DeliveryResult>(await delivery.ended, 0)
      assert.equal(result.outcome, 'succeeded')
      await assertDelivered(world, 4)
      assert.equal((await readState(world, 'stage'))?.deployment, null)
    })
  }
})
