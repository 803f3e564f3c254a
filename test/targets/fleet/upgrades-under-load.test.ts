import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../src/clock/index.ts'
import { isSameProcessAlive, processStartTime } from '../../../src/process/index.ts'
import { shutDownFleet } from '../../../src/targets/fleet/index.ts'
import { askHolder, createRouterClient, routerSocketPath } from '../../../src/targets/fleet/router/index.ts'
import { webApplication } from '../applications.ts'
import { startLoad } from '../load.ts'
import { getJson, requestFor } from '../requests.ts'
import { eventually } from './eventually.ts'
import { type FleetUnderTest, openFleet } from './fleet-under-test.ts'
import { startNewConnections } from './router/load.ts'

const soon = () => AbortSignal.timeout(60_000)
const newer = fileURLToPath(new URL('./upgraded-fleet.ts', import.meta.url))

describe('a fleet that is upgraded under load', () => {
  let fleet: FleetUnderTest
  before(async () => {
    fleet = await openFleet(2)
  })
  after(() => fleet.close())

  const targetOf = (version: string) =>
    fleet.anotherTarget({ version, agentCommand: [process.execPath, newer, 'agent', fleet.paths.root, version] })
  const routerVersion = async () => {
    const client = createRouterClient(routerSocketPath(fleet.paths.router))
    try {
      return (await client.health()).version
    } finally {
      client.close()
    }
  }

  test('agent and router are replaced by newer ones on contact, in the middle of a rollout too, and no request fails', async () => {
    const request = (version: string) =>
      fleet.bundle(webApplication(version)).then((bundle) => requestFor('carts', bundle))
    assert.deepEqual(await fleet.target.ensure(await request('1'), fleet.context()), { ok: true })
    const url = await fleet.url('carts')
    const load = startLoad(url)
    const fresh = startNewConnections(Number(new URL(url).port), 2, '/?ms=20')
    try {
      const pids = new Set([await fleet.routerPid()])
      for (const version of ['98.0.0', '99.0.0']) {
        assert.ok((await targetOf(version).observe(['carts'], soon())).reachable)
        await eventually('the router is of that version', async () => (await routerVersion()) === version)
        pids.add(await fleet.routerPid())
      }
      assert.equal(pids.size, 3)

      const rolling = fleet.target.ensure(await request('2'), fleet.context())
      assert.ok((await targetOf('100.0.0').observe(['carts'], soon())).reachable)
      assert.deepEqual(await rolling, { ok: true }, 'an older controller goes on')
      await eventually('the router is of that version', async () => (await routerVersion()) === '100.0.0')
      assert.equal((await getJson(url))['version'], '2')
    } finally {
      await load.stop()
      await fresh.stop()
    }
    assert.deepEqual([...load.result.failures, ...fresh.failures], [])
    assert.ok(load.result.requests > 100, `${load.result.requests} requests`)
  })

  test('a fleet that is ended leaves no router behind, whoever was its holder', async () => {
    const other = await openFleet(1)
    try {
      const bundle = await other.bundle(webApplication('1'))
      assert.deepEqual(await other.target.ensure(requestFor('carts', bundle), other.context()), { ok: true })
      const idle = connect(Number(new URL(await other.url('carts')).port), '127.0.0.1')
      await once(idle, 'connect')
      idle.on('error', () => {})
      const first = await other.routerPid()
      const startedAt = processStartTime(first)
      const { routerCommand } = await askHolder(other.paths.router, { ask: 'describe' })
      const [program, ...parameters] = routerCommand ?? []
      assert.ok(program)
      await askHolder(other.paths.router, { ask: 'replace-router', command: [program, ...parameters] })
      const holder = await askHolder(other.paths.router, { ask: 'describe' })
      process.kill(holder.pid, 'SIGKILL')
      await eventually('another holder', async () => {
        const next = await askHolder(other.paths.router, { ask: 'describe' })
        return next.pid !== holder.pid && next.routerPid !== null
      })
      assert.ok(isSameProcessAlive(first, startedAt), 'an idle connection keeps the old router')
      await shutDownFleet({ home: other.home, clock: systemClock }, 'stop', soon())
      await eventually('the old router is gone', () => !isSameProcessAlive(first, startedAt))
      idle.destroy()
    } finally {
      await other.close()
    }
  })

  test('a router that is killed cuts its own connections and refuses no new one', async () => {
    const url = await fleet.url('carts')
    const before = await fleet.routerPid()
    process.kill(before, 'SIGKILL')
    const answers = await Promise.all(Array.from({ length: 10 }, () => getJson(url)))
    assert.deepEqual(new Set(answers.map(({ version }) => version)), new Set(['2']))
    assert.notEqual(await fleet.routerPid(), before)
  })
})
