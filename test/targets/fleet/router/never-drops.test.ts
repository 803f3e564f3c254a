import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { respondToLoad, startLoad } from './load.ts'
import {
  newKey,
  publish,
  serviceOf,
  specOf,
  startBackend,
  startRouter,
  type TestBackend,
  type TestRouter,
  untilStatus,
} from './router-process.ts'

let router: TestRouter
before(async () => {
  router = await startRouter()
})
after(() => router.dispose())

const start = () => startBackend((req, res) => void respondToLoad(req, res))

const isLetGo = (key: string, backend: TestBackend) =>
  untilStatus(router, key, ({ backends }) => {
    const status = backends.find(({ id }) => id === backend.id)
    return status === undefined || (!status.accepting && status.inFlight === 0)
  })

describe('no request is dropped', () => {
  test('while backends are replaced one after the other, draining each', async () => {
    const key = newKey()
    let [first, second] = [await start(), await start()]
    const port = await publish(router, key, serviceOf([specOf(first), specOf(second)]))
    const load = startLoad(port, { quick: 8, slow: 4, upload: 2, stream: 3 })
    for (let swap = 0; swap < 4; swap++) {
      const fresh = await start()
      const { id } = fresh
      await router.client.putService(key, serviceOf([specOf(first), specOf(second), specOf(fresh, { weight: 0 })]))
      await untilStatus(router, key, ({ backends }) =>
        backends.some((each) => each.id === id && each.state === 'healthy'),
      )
      await router.client.putService(key, serviceOf([specOf(first, { drain: true }), specOf(second), specOf(fresh)]))
      await isLetGo(key, first)
      await first.close()
      await router.client.putService(key, serviceOf([specOf(second), specOf(fresh)]))
      ;[first, second] = [second, fresh]
    }
    await load.stop()
    await Promise.all([first.close(), second.close()])
    assert.deepEqual(load.failures, [])
    assert.ok(load.requests > 200, `only ${load.requests} requests`)
    assert.equal((await router.client.service(key))?.totals.failures, 0)
  })

  test('while all backends are replaced at once, many times, without any care', async () => {
    const key = newKey()
    let current = await start()
    const port = await publish(router, key, serviceOf([specOf(current)]))
    const load = startLoad(port, { quick: 8, slow: 2, upload: 2, stream: 2 })
    const leaving: Array<Promise<void>> = []
    for (let swap = 0; swap < 12; swap++) {
      const before = current
      current = await start()
      await router.client.putService(key, serviceOf([specOf(current)]))
      leaving.push(isLetGo(key, before).then(() => before.close()))
      await sleep(300)
    }
    await Promise.all(leaving)
    await load.stop()
    await current.close()
    assert.deepEqual(load.failures, [])
  })

  test('while specs change as fast as they can be written', async () => {
    const key = newKey()
    const backends = await Promise.all(Array.from({ length: 4 }, start))
    const port = await publish(router, key, serviceOf(backends.map((backend) => specOf(backend))))
    const load = startLoad(port, { quick: 8, slow: 2, stream: 2 })
    for (let change = 0; change < 150; change++) {
      const specs = backends.map((backend, at) => {
        const isKept = at === change % 4
        return specOf(backend, {
          weight: isKept || change % 3 > 0 ? 1 + (change % 5) : 0,
          drain: !isKept && change % 2 === 0,
        })
      })
      const removed = (change + 1) % 4
      await router.client.putService(key, serviceOf(specs.filter((_, at) => at !== removed)))
    }
    await load.stop()
    await Promise.all(backends.map((backend) => backend.close()))
    assert.deepEqual(load.failures, [])
  })

  test('of those on the way when a backend dies, but by that backend; the others never notice', async () => {
    const key = newKey()
    const [dying, living] = [await start(), await start()]
    const port = await publish(router, key, serviceOf([specOf(dying), specOf(living)]))
    // Safe requests that break are tried again, so even those of the dead one end well.
    const load = startLoad(port, { quick: 12 })
    await sleep(300)
    await dying.close()
    await sleep(700)
    await load.stop()
    await living.close()
    assert.deepEqual(load.failures, [])
  })

  test('and no WebSocket is, until its drain time is over', async () => {
    const key = newKey()
    const [old, fresh] = [await start(), await start()]
    const sockets = new WebSocketServer({ server: old.server })
    sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(String(message))))
    const port = await publish(router, key, serviceOf([specOf(old)]))
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
        await once(socket, 'open')
        return socket
      }),
    )
    await router.client.putService(key, serviceOf([specOf(fresh)]))
    await untilStatus(router, key, ({ backends }) => backends.some(({ id, accepting }) => id === old.id && !accepting))
    for (const client of clients) {
      client.send('there?')
      assert.equal(String((await once(client, 'message'))[0]), 'there?')
    }
    await untilStatus(router, key, ({ backends }) =>
      backends.some(({ id, tunnels }) => id === old.id && tunnels === 20),
    )
    for (const client of clients) client.close()
    await untilStatus(router, key, ({ backends }) => backends.every(({ id }) => id !== old.id))
    await Promise.all([old.close(), fresh.close()])
  })

  test('and clients keep their connections while backends come and go', async () => {
    const { Agent, request } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const key = newKey()
    const ports = new Set<number | undefined>()
    const ask = (port: number) =>
      new Promise<void>((resolve, reject) => {
        const outgoing = request({ host: '127.0.0.1', port, agent }, (response) => {
          ports.add(outgoing.socket?.localPort)
          response.resume().once('end', resolve)
        })
        outgoing.once('error', reject).end()
      })
    let current = await start()
    const port = await publish(router, key, serviceOf([specOf(current)]))
    for (let swap = 0; swap < 3; swap++) {
      await ask(port)
      const before = current
      current = await start()
      await router.client.putService(key, serviceOf([specOf(current)]))
      await isLetGo(key, before)
      await before.close()
      await ask(port)
    }
    agent.destroy()
    await current.close()
    assert.equal(ports.size, 1)
  })
})
