import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRouterClient, routerSocketPath } from '../../../../src/targets/fleet/router/index.ts'
import { respondToLoad } from './load.ts'
import {
  ask,
  newKey,
  publish,
  serviceOf,
  specOf,
  startBackend,
  startRouter,
  type TestBackend,
  type TestRouter,
  until,
  untilStatus,
} from './router-process.ts'

async function routerFor(t: TestContext): Promise<TestRouter> {
  const router = await startRouter()
  t.after(() => router.dispose())
  return router
}

async function backendFor(t: TestContext, text = 'ok'): Promise<TestBackend> {
  const backend = await startBackend((_req, res) => res.end(text))
  t.after(() => backend.close())
  return backend
}

describe('a router beside other work', () => {
  const skip = process.platform === 'linux' ? false : 'only Linux has a priority for each thread'

  test('lets its requests go before the threads that compile its code', { skip }, async (t) => {
    const router = await routerFor(t)
    const tasks = `/proc/${router.process().pid}/task`
    const threads = readdirSync(tasks).map((thread) => {
      const stat = readFileSync(`${tasks}/${thread}/stat`, 'utf8')
      const niceness = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
      return { name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')), niceness }
    })
    const own = threads.find(({ name }) => name !== 'V8Worker')?.niceness ?? Number.NaN
    const helpers = threads.filter(({ name }) => name === 'V8Worker')
    assert.ok(helpers.length > 0)
    for (const { niceness } of helpers) assert.ok(niceness > own, `${niceness} of a helper, ${own} of the requests'`)
  })
})

describe('a router that is started again', () => {
  for (const end of ['terminate', 'kill'] as const) {
    test(`comes back on the same ports with the same backends after ${end}`, async (t) => {
      const router = await routerFor(t)
      const [first, second] = [await backendFor(t, 'first'), await backendFor(t, 'second')]
      const [firstKey, secondKey] = [newKey('first'), newKey('second')]
      const firstPort = await publish(router, firstKey, serviceOf([specOf(first)]))
      const secondPort = await publish(router, secondKey, serviceOf([specOf(second)]))
      assert.notEqual(firstPort, secondPort)
      await router[end]()
      await assert.rejects(ask({ port: firstPort }))
      await router.start()
      // At once: they wait until the first probe has succeeded.
      assert.equal((await ask({ port: firstPort })).text, 'first')
      assert.equal((await ask({ port: secondPort })).text, 'second')
    })
  }

  test('waits for a port that something else took meanwhile, and says so', async (t) => {
    const router = await routerFor(t)
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(await backendFor(t))]))
    await router.kill()
    const intruder = await startBackend((_req, res) => res.end('intruder'), port)
    t.after(() => intruder.close())
    await router.start()
    assert.match((await router.client.service(key))?.listen.error ?? '', /EADDRINUSE/)
    await intruder.close()
    await untilStatus(router, key, ({ listen }) => listen.error === null && listen.port === port)
    assert.equal((await ask({ port })).text, 'ok')
  })

  test('puts a state aside that makes no sense, and finds the same port for a key again', async (t) => {
    const router = await routerFor(t)
    const key = newKey()
    const spec = serviceOf([specOf(await backendFor(t))])
    const port = await publish(router, key, spec)
    await router.kill()
    writeFileSync(join(router.directory, 'router.json'), '{"version": 1, "ports"')
    await router.start()
    assert.deepEqual(await router.client.services(), [])
    assert.ok(statSync(join(router.directory, 'router.json.unreadable')).size > 0)
    assert.equal(await publish(router, key, spec), port)
  })

  test('serves again after SIGKILL in the middle of many changes', async (t) => {
    const router = await routerFor(t)
    const backend = await backendFor(t)
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    for (let round = 0; round < 3; round++) {
      const changes = (async () => {
        for (let weight = 1; ; weight = (weight % 9) + 1)
          await router.client.putService(key, serviceOf([specOf(backend, { weight })]))
      })().catch(() => {})
      await sleep(50 + round * 37)
      await router.kill()
      await changes
      JSON.parse(readFileSync(join(router.directory, 'router.json'), 'utf8'))
      await router.start()
      assert.equal((await ask({ port })).text, 'ok')
    }
  })
})

describe('a router that is told to end', () => {
  test('finishes what is under way, and accepts nothing new', async (t) => {
    const router = await routerFor(t)
    const backend = await startBackend((req, res) => void respondToLoad(req, res))
    t.after(() => backend.close())
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const slow = ask({ port, path: '/slow' })
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 1)
    const ended = router.terminate()
    await until(() =>
      ask({ port }).then(
        () => false,
        () => true,
      ),
    )
    const answer = await slow
    assert.deepEqual([answer.status, answer.text, answer.headers.connection], [200, 'slow', 'close'])
    assert.equal(await ended, 0)
  })

  test('ignores the signals of terminals', async (t) => {
    const router = await routerFor(t)
    for (const signal of ['SIGINT', 'SIGHUP'] as const) router.process().kill(signal)
    await sleep(200)
    assert.equal((await router.client.health()).pid, router.process().pid)
  })
})

test('only one router runs for a folder', async (t) => {
  const router = await routerFor(t)
  const main = fileURLToPath(new URL('../../../../src/targets/fleet/router/main.ts', import.meta.url))
  const second = spawnSync(process.execPath, [main, router.directory], { encoding: 'utf8', timeout: 20_000 })
  assert.equal(second.status, 3)
  assert.match(second.stderr, /runs for this folder already/)
  assert.equal((await router.client.health()).pid, router.process().pid)
})

describe('a public port', () => {
  test('that is taken is refused by name, and nothing changes', async (t) => {
    const router = await routerFor(t)
    const backend = await backendFor(t)
    const [first, second] = [newKey('first'), newKey('second')]
    const port = await publish(router, first, serviceOf([specOf(backend)]))
    const listen = { host: '127.0.0.1', port }
    const isTaken = (by: RegExp) => (cause: unknown) =>
      cause instanceof Error && 'code' in cause && cause.code === 'PORT_TAKEN' && by.test(cause.message)
    await assert.rejects(
      router.client.putService(second, serviceOf([], { listen })),
      isTaken(/port \d+ .* by the service .*first/),
    )
    assert.equal(await router.client.service(second), null)

    const foreign = createServer().listen(0, '127.0.0.1')
    await once(foreign, 'listening')
    t.after(() => foreign.close())
    const taken = { host: '127.0.0.1', port: (foreign.address() as AddressInfo).port }
    await assert.rejects(router.client.putService(first, serviceOf([], { listen: taken })), isTaken(/another process/))
    assert.equal((await ask({ port })).text, 'ok')
  })

  test('is the same for a key for ever, also when its service was deleted', async (t) => {
    const router = await routerFor(t)
    const key = newKey()
    const spec = serviceOf([specOf(await backendFor(t))])
    const port = await publish(router, key, spec)
    await router.client.deleteService(key)
    await until(async () => (await router.client.service(key)) === null)
    await assert.rejects(ask({ port }))
    await publish(router, newKey('another'), spec)
    await router.kill()
    await router.start()
    assert.equal(await publish(router, key, spec), port)
  })

  test('moves without dropping what is under way on the old one', async (t) => {
    const router = await routerFor(t)
    const backend = await startBackend((req, res) => void respondToLoad(req, res))
    t.after(() => backend.close())
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const slow = ask({ port, path: '/slow' })
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 1)
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const next = (free.address() as AddressInfo).port
    free.close()
    await once(free, 'close')
    await router.client.putService(key, serviceOf([specOf(backend)], { listen: { host: '127.0.0.1', port: next } }))
    assert.equal((await ask({ port: next })).text, 'quick')
    assert.equal((await slow).text, 'slow')
    await assert.rejects(ask({ port }))
  })
})

test('deleting a service lets its requests end', async (t) => {
  const router = await routerFor(t)
  const backend = await startBackend((req, res) => void respondToLoad(req, res))
  t.after(() => backend.close())
  const key = newKey()
  const port = await publish(router, key, serviceOf([specOf(backend)]))
  const slow = ask({ port, path: '/slow' })
  await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 1)
  await router.client.deleteService(key)
  assert.equal((await router.client.service(key))?.deleted, true)
  assert.equal((await slow).text, 'slow')
  await until(async () => (await router.client.service(key)) === null)
  await router.client.deleteService(key)
})

describe('backends', () => {
  test('take no requests before they are healthy, and the old go on until then', async (t) => {
    const router = await routerFor(t)
    const old = await backendFor(t, 'old')
    let isWell = false
    const server = createServer((req, res) => {
      if (req.url === '/healthz') res.writeHead(isWell ? 200 : 503).end()
      else res.end('new')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const fresh = { id: 'fresh', port: (server.address() as AddressInfo).port }
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(old)]))
    await router.client.putService(key, serviceOf([specOf(fresh)]))
    for (let count = 0; count < 5; count++) assert.equal((await ask({ port })).text, 'old')
    const status = await router.client.service(key)
    assert.deepEqual(
      status?.backends.map(({ id, state, accepting, removed }) => [id, state, accepting, removed]),
      [
        ['fresh', 'starting', false, false],
        [old.id, 'healthy', true, true],
      ],
    )
    assert.match(status?.backends[0]?.lastError ?? '', /503/)
    isWell = true
    await untilStatus(router, key, ({ backends }) => backends.length === 1 && backends[0]?.accepting === true)
    assert.equal((await ask({ port })).text, 'new')
  })

  test('share requests by weight, and none go to weight 0', async (t) => {
    const router = await routerFor(t)
    const [stable, canary, idle] = [await backendFor(t), await backendFor(t), await backendFor(t)]
    const specs = [specOf(stable, { weight: 9 }), specOf(canary), specOf(idle, { weight: 0 })]
    const port = await publish(router, newKey(), serviceOf(specs))
    for (let count = 0; count < 50; count++) await ask({ port })
    assert.deepEqual([stable.requests, canary.requests, idle.requests], [45, 5, 0])
  })

  test('a hundred of them all take their part', async (t) => {
    const router = await routerFor(t)
    const all = await Promise.all(Array.from({ length: 100 }, () => backendFor(t)))
    const port = await publish(router, newKey(), serviceOf(all.map((backend) => specOf(backend))))
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 50 }, () => ask({ port })))
    for (const { requests } of all) assert.ok(requests >= 2 && requests <= 10, `one got ${requests} of 500`)
  })

  test('that stop answering get nothing until they are well again', async (t) => {
    const router = await routerFor(t)
    const key = newKey()
    const steady = await backendFor(t, 'steady')
    const ailing = await startBackend((_req, res) => res.end('ailing'))
    const port = await publish(router, key, serviceOf([specOf(steady), specOf(ailing)]))
    await ailing.close()
    await untilStatus(router, key, ({ backends }) => backends[1]?.state === 'unhealthy')
    for (let count = 0; count < 4; count++) assert.equal((await ask({ port })).text, 'steady')
    const again = await startBackend((_req, res) => res.end('again'), ailing.port, ailing.id)
    t.after(() => again.close())
    await untilStatus(router, key, ({ backends }) => backends[1]?.state === 'healthy')
    for (let count = 0; count < 4; count++) await ask({ port })
    assert.ok(again.requests >= 1)
  })
})

test('a service that has changed is told to who waits for it', async (t) => {
  const router = await routerFor(t)
  const key = newKey()
  const { revision } = await router.client.putService(key, serviceOf([]))
  const started = performance.now()
  const waiting = router.client.service(key, { revision, waitMs: 15_000 })
  await sleep(50)
  await router.client.putService(key, serviceOf([], { drainTimeoutMs: 1 }))
  assert.notEqual((await waiting)?.revision, revision)
  assert.ok(performance.now() - started < 10_000)
  const same = await router.client.service(key)
  assert.equal(
    (await router.client.service(key, { revision: same?.revision ?? 0, waitMs: 100 }))?.revision,
    same?.revision,
  )
})

test('where no router runs the client says so', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'router-'))
  const client = createRouterClient(routerSocketPath(directory))
  await assert.rejects(client.health(), { code: 'ROUTER_UNREACHABLE' })
  rmSync(directory, { recursive: true })
})
