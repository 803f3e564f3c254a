import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { RolloutStrategy, RouterConfig } from '../../../../src/model/index.ts'
import { haproxyMissing, startHaproxy } from '../../../parts/haproxy.ts'
import { freePort } from '../../../parts/local-server.ts'
import { nginxMissing, startNginx } from '../../../parts/nginx.ts'
import { neverHealthy, webApplication } from '../../applications.ts'
import { getJson, requestFor, shortStart } from '../../requests.ts'
import { type FleetUnderTest, openFleet } from '../fleet-under-test.ts'
import { startNewConnections } from '../router/load.ts'

type Place = { router: RouterConfig; port: number; serve(): Promise<void> }

async function atNginx(t: TestContext): Promise<Place> {
  const nginx = await startNginx()
  t.after(() => nginx.stop())
  const port = await freePort()
  const router = {
    kind: 'nginx',
    directory: nginx.directory,
    upstream: '{environment}-{service}',
    test: nginx.test,
    reload: nginx.reload,
    pidFile: nginx.pidFile,
  } as const
  return { router, port, serve: () => nginx.serve(port, 'stage-carts') }
}

async function atHaproxy(t: TestContext): Promise<Place> {
  const port = await freePort()
  const haproxy = await startHaproxy([{ port, backend: 'stage-carts' }])
  t.after(() => haproxy.stop())
  const router = { kind: 'haproxy', socket: haproxy.socket, backend: '{environment}-{service}' } as const
  return { router, port, serve: async () => {} }
}

/** A fleet whose service `carts` is behind the team's router. */
async function fleetAt(t: TestContext, { router, port }: Place) {
  const fleet: FleetUnderTest = await openFleet(2)
  t.after(() => fleet.close())
  const config = { hosts: ['local'], replicas: 2, ports: { carts: port }, listen: '127.0.0.1', router }
  const target = fleet.anotherTarget({ config })
  const ensure = async (version: string, strategy: RolloutStrategy = 'one-at-a-time') =>
    target.ensure(requestFor('carts', await fleet.bundle(webApplication(version)), { strategy }), fleet.context())
  return { fleet, target, ensure }
}

for (const [name, open, skip] of [
  ['nginx', atNginx, nginxMissing()],
  ['HAProxy', atHaproxy, haproxyMissing()],
] as const) {
  describe(`a fleet behind ${name}`, { skip }, () => {
    test('rolls out, goes back from what is never healthy, and drops no request; also while its agent is killed', async (t) => {
      const place = await open(t)
      const { fleet, target, ensure } = await fleetAt(t, place)
      assert.deepEqual(await ensure('1'), { ok: true })
      await place.serve()
      const url = `http://127.0.0.1:${place.port}`
      assert.equal(await fleet.url('carts'), url)
      assert.equal((await getJson(url))['version'], '1')

      const quick = startNewConnections(place.port, 4, '/?ms=5')
      const slow = startNewConnections(place.port, 2, '/?ms=700')
      assert.deepEqual(await ensure('2'), { ok: true })
      const bad = shortStart(requestFor('carts', await fleet.bundle(neverHealthy('3'))))
      assert.equal((await target.ensure(bad, fleet.context())).ok, false)
      process.kill(await fleet.agentPid(), 'SIGKILL')
      assert.deepEqual(await ensure('4', 'all-at-once'), { ok: true })
      const requests = await quick.stop()
      const slowRequests = await slow.stop()
      assert.deepEqual([...quick.failures, ...slow.failures], [])
      assert.ok(requests > 50 && slowRequests > 5, `${requests} requests, ${slowRequests} slow ones`)
      const versions = [...quick.answers].map((text) => JSON.parse(text).version)
      assert.deepEqual([...new Set(versions)].sort(), ['1', '2', '4'])
      assert.deepEqual(await target.remove('carts', fleet.context()), { ok: true })
      await assert.rejects(getJson(url))
    })
  })
}
