import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import {
  ask,
  newKey,
  publish,
  sendRaw,
  serviceOf,
  specOf,
  startBackend,
  startRouter,
  type TestRouter,
  until,
  untilStatus,
} from './router-process.ts'

let router: TestRouter
const closing: Array<() => unknown> = []

before(async () => {
  router = await startRouter()
})
after(async () => {
  await router.dispose()
  for (const close of closing) await close()
})

async function echoing() {
  const backend = await startBackend((req, res) => res.end(`${req.method} ${req.headers.upgrade ?? 'no upgrade'}`))
  const sockets = new WebSocketServer({ server: backend.server })
  sockets.on('connection', (socket, req) => {
    socket.send(`welcome ${req.headers['x-forwarded-for']} at ${req.url}`)
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
    socket.on('error', () => {})
  })
  closing.push(() => {
    for (const socket of sockets.clients) socket.terminate()
    return backend.close()
  })
  return backend
}

async function open(port: number): Promise<WebSocket & { received: string[] }> {
  const socket = Object.assign(new WebSocket(`ws://127.0.0.1:${port}/live`), { received: [] as string[] })
  socket.on('message', (data) => socket.received.push(String(data)))
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

const upgrade = (more = '') =>
  `GET /x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

describe('WebSockets', () => {
  test('pass both ways, large messages too, and count as in flight', async () => {
    const backend = await echoing()
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const socket = await open(port)
    await until(() => socket.received[0] === 'welcome 127.0.0.1 at /live')
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 1 && backends[0].tunnels === 1)
    const large = 'x'.repeat(3_000_000)
    socket.send('hello')
    socket.send(large)
    await until(() => socket.received.length === 3)
    assert.deepEqual(socket.received.slice(1), ['hello', large])
    socket.close(1000, 'done')
    const [code, reason] = await once(socket, 'close')
    assert.deepEqual([code, String(reason)], [1000, 'done'])
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 0)
  })

  test('go on while their backend drains, and end when it has drained for too long', async () => {
    const [old, fresh] = [await echoing(), await echoing()]
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(old), specOf(fresh, { weight: 0 })]))
    const socket = await open(port)
    const spec = serviceOf([specOf(old, { drain: true }), specOf(fresh)], { drainTimeoutMs: 700 })
    await router.client.putService(key, spec)
    socket.send('still there?')
    await until(() => socket.received.includes('still there?'))
    const other = await open(port)
    await once(socket, 'close')
    const status = await router.client.service(key)
    assert.equal(status?.backends.find(({ id }) => id === old.id)?.totals.cut, 1)
    assert.equal(other.readyState, WebSocket.OPEN)
    other.terminate()
  })

  test('are connected elsewhere when their backend is gone', async () => {
    const [dead, alive] = [await echoing(), await echoing()]
    const key = newKey()
    const health = { path: '/healthz', intervalMs: 600_000, timeoutMs: 2000 }
    const port = await publish(router, key, serviceOf([specOf(dead, { health }), specOf(alive, { health })]))
    await dead.close()
    for (let count = 0; count < 4; count++) (await open(port)).terminate()
  })

  test('end at both sides when either is gone', async () => {
    let upstream: Socket | undefined
    let arrived = ''
    const server = createServer().on('upgrade', (_req, socket, head) => {
      upstream = socket as Socket
      arrived = String(head)
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.on('data', (chunk) => {
        arrived += chunk
      })
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nahead')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => server.close())
    const key = newKey()
    const health = { path: null, intervalMs: 200, timeoutMs: 2000 }
    const backend = { id: 'raw', port: (server.address() as AddressInfo).port }
    const port = await publish(router, key, serviceOf([specOf(backend, { health })]))
    for (const leaver of ['client', 'backend'] as const) {
      const client = connect(port, '127.0.0.1')
      client.on('error', () => {})
      client.write(`${upgrade()}behind`)
      let got = ''
      client.on('data', (chunk) => {
        got += chunk
      })
      await until(() => got.endsWith('ahead') && arrived === 'behind')
      assert.ok(upstream)
      const [left, right] = leaver === 'client' ? [client, upstream] : [upstream, client]
      const closed = once(right, 'close')
      left.destroy()
      await closed
      await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 0)
    }
  })
})

describe('an upgrade', () => {
  test('that the backend refuses is an ordinary answer, after which the connection ends', async () => {
    const backend = await startBackend((_req, res) => res.writeHead(403, { 'x-why': 'no' }).end('forbidden'))
    backend.server.on('upgrade', (_req, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nx-why: no\r\ncontent-length: 9\r\n\r\nforbidden')
    })
    closing.push(() => backend.close())
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    // The second request must not reach the backend through what the client hopes to be a tunnel.
    const got = await sendRaw(port, `${upgrade()}GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n`)
    assert.match(got, /^HTTP\/1\.1 403 Forbidden\r\n/)
    assert.match(got, /x-why: no/)
    assert.ok(got.endsWith('forbidden'))
    assert.equal(backend.requests, 0)
  })

  test('to HTTP/2, or with a body, is served as a plain request', async () => {
    const backend = await echoing()
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    const h2c = await ask({
      port,
      headers: { connection: 'upgrade, http2-settings', upgrade: 'h2c', 'http2-settings': '' },
    })
    assert.deepEqual([h2c.status, h2c.text], [200, 'GET no upgrade'])
    const headers = { connection: 'upgrade', upgrade: 'websocket', 'content-length': '3' }
    assert.equal((await ask({ port, method: 'POST', headers, body: 'abc' })).text, 'POST no upgrade')
  })

  test('that names two hosts is refused', async () => {
    const backend = await echoing()
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    assert.match(await sendRaw(port, upgrade('host: another\r\n')), /^HTTP\/1\.1 400 /)
  })

  test('for which there is no backend is 503', async () => {
    const { listen } = await router.client.putService(newKey(), serviceOf([]))
    assert.match(await sendRaw(listen.port, upgrade()), /^HTTP\/1\.1 503 /)
  })
})
