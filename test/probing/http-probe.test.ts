import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import type { Verdict } from '../../src/model/index.ts'
import { createHttpProbe } from '../../src/probing/index.ts'

describe('an HTTP probe', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })
  const serve = (listener: RequestListener): Promise<string> => {
    const server = createServer(listener)
    servers.push(server)
    return new Promise((resolve) => {
      // Of a server that listens on TCP, the address is an AddressInfo.
      server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    })
  }
  const probe = (
    url: string,
    more: { status?: number; contains?: string; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Verdict> => {
    const { status = 200, contains = null, timeoutMs = 300 } = more
    return createHttpProbe().probe({ url, status, contains, timeoutMs }, more.signal ?? new AbortController().signal)
  }
  const whyFailed = (verdict: Verdict): string => (verdict.ok ? 'passed' : (verdict.reasons[0]?.message ?? ''))

  test('passes when the answer has the status and the words asked for', async () => {
    const url = await serve((request, response) =>
      response.writeHead(request.url === '/teapot' ? 418 : 200).end('hello shop'),
    )
    assert.deepEqual(await probe(url, { contains: 'shop' }), { ok: true })
    assert.deepEqual(await probe(`${url}/teapot`, { status: 418 }), { ok: true })
  })

  test('asks again until the service is ready', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      if (asked === 1) response.destroy()
      else response.writeHead(asked < 4 ? 503 : 200).end()
    })
    assert.deepEqual(await probe(url, { timeoutMs: 60_000 }), { ok: true })
    assert.equal(asked, 4)
  })

  test('leaves no connection behind', async () => {
    const url = await serve((_, response) => response.end())
    await probe(url)
    const [server] = servers
    await new Promise<void>((resolve) => server?.close(() => resolve()))
  })

  test('fails with the last answer: status and first line, safe to show', async () => {
    const url = await serve((_, response) => response.writeHead(500).end('\n\u001b[31mno database\u001b[0m\nstack'))
    const why = whyFailed(await probe(url, { contains: 'shop' }))
    assert.match(why, /^http:\/\/127\.0\.0\.1:\d+ did not answer 200 with "shop" in it within 0\.3 s \(\d+ tries\); /)
    assert.match(why, /the last time it answered 500 with: no database$/)
  })

  test('fails with the place a redirect points to, and does not go there', async () => {
    let followed = false
    const url = await serve((request, response) => {
      if (request.url === '/login') followed = true
      response.writeHead(302, { location: '/login' }).end()
    })
    assert.match(whyFailed(await probe(url)), /answered 302 and pointed to \/login/)
    assert.equal(followed, false)
  })

  test('fails with the network error where nobody answers', async () => {
    const url = await serve(() => {})
    const [server] = servers.splice(0)
    await new Promise((resolve) => server?.close(resolve))
    assert.match(whyFailed(await probe(url)), /it failed: .*ECONNREFUSED/)
    assert.match(whyFailed(await probe('http://127.0.0.1:1x')), /it failed: .*URL/i)
  })

  test('fails when the service takes the connection and says nothing', async () => {
    const url = await serve(() => {})
    assert.match(whyFailed(await probe(url)), /it failed: no answer within \d+ ms/)
  })

  test('fails when what answers does not speak HTTP', async () => {
    const sockets: Socket[] = []
    const server = createTcpServer((socket) => {
      sockets.push(socket.on('error', () => {}))
      socket.write('SSH-2.0-OpenSSH\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // As above.
    const verdict = await probe(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    assert.match(whyFailed(verdict), /it failed: /)
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test('reads a bounded part of a body without end', async () => {
    const url = await serve((_, response) => {
      const more = () => {
        while (response.write('x'.repeat(65536)));
        response.once('drain', more)
      }
      more()
    })
    const why = whyFailed(await probe(url, { contains: 'shop', timeoutMs: 2000 }))
    assert.match(why, /with: x{200}…, of which the first 1048576 bytes were read$/)
  })

  test('ends at once when it is cancelled', async () => {
    const url = await serve((_, response) => response.writeHead(503).end())
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    await assert.rejects(probe(url, { timeoutMs: 3_600_000, signal: controller.signal }), { kind: 'cancelled' })
    await assert.rejects(probe(url, { signal: AbortSignal.abort() }), { kind: 'cancelled' })
  })
})
