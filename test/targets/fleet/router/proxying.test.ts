import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, newKey, publish, sendRaw, serviceOf, specOf, startBackend, until, untilStatus } from './router-process.ts'
import { suiteRouter } from './suite-router.ts'

const suite = suiteRouter()
const { serving } = suite

describe('headers', () => {
  test('say where a request came from, and nothing of one connection passes', async () => {
    const { port } = await serving((req, res) => res.end(JSON.stringify({ raw: req.rawHeaders, url: req.url })))
    const { text } = await ask({
      port,
      path: '/a/b?c=%20d',
      headers: {
        host: 'shop.example',
        connection: 'X-Private, x-forwarded-for, keep-alive',
        'keep-alive': 'timeout=5',
        'proxy-connection': 'keep-alive',
        'x-private': 'for the router only',
        'x-forwarded-for': '192.0.2.7',
        te: 'trailers, gzip',
        'X-CamelCase': 'kept',
      },
    })
    const { raw: headers, url } = JSON.parse(text) as { raw: string[]; url: string }
    const headerOf = (name: string) => headers[headers.findIndex((each) => each.toLowerCase() === name) + 1]
    assert.equal(url, '/a/b?c=%20d')
    assert.equal(headerOf('host'), 'shop.example')
    assert.equal(headerOf('x-forwarded-for'), '192.0.2.7, 127.0.0.1')
    assert.equal(headerOf('x-forwarded-proto'), 'http')
    assert.equal(headerOf('x-forwarded-host'), 'shop.example')
    assert.equal(headerOf('te'), 'trailers')
    assert.ok(headers.includes('X-CamelCase'))
    for (const gone of ['x-private', 'proxy-connection', 'keep-alive'])
      assert.ok(!headers.filter((_, at) => at % 2 === 0).some((name) => name.toLowerCase() === gone), gone)
  })

  test('of an answer come as they are, several of a name too', async () => {
    const { port } = await serving((_req, res) => {
      res.writeHead(418, 'Short And Stout', [
        'set-cookie',
        'a=1',
        'set-cookie',
        'b=2',
        'x-latin',
        'gr\xfcn',
        'connection',
        'x-mine',
        'x-mine',
        '1',
      ])
      // Node writes headers as UTF-8 where the body is a string.
      res.end(Buffer.from('tea'))
    })
    const { status, message, headers, text } = await ask({ port })
    assert.equal(status, 418)
    assert.equal(message.statusMessage, 'Short And Stout')
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(headers['x-latin'], 'gr\xfcn')
    assert.equal(headers['x-mine'], undefined)
    assert.equal(text, 'tea')
  })

  test('a proxy in front that ends TLS is believed', async () => {
    const { port } = await serving((req, res) => res.end(req.headers['x-forwarded-proto']))
    assert.equal((await ask({ port, headers: { 'x-forwarded-proto': 'https' } })).text, 'https')
  })

  test('that are too large are refused', async () => {
    const { port } = await serving((_req, res) => res.end('never'))
    assert.equal((await ask({ port, headers: { 'x-large': 'x'.repeat(40_000) } })).status, 431)
  })
})

describe('requests', () => {
  test('upload as fast as the backend reads, however large', async () => {
    const { port } = await serving(async (req, res) => {
      let got = 0
      for await (const chunk of req) got += chunk.length
      res.end(String(got))
    })
    const body = Buffer.alloc(30 * 1024 * 1024, 'x')
    assert.equal((await ask({ port, method: 'POST', body })).text, String(body.length))
    const outgoing = request({ host: '127.0.0.1', port, method: 'PUT', agent: false })
    const answered = once(outgoing, 'response')
    for (let sent = 0; sent < 200; sent++) if (!outgoing.write(body.subarray(0, 100_000))) await once(outgoing, 'drain')
    outgoing.end()
    const [response] = (await answered) as [IncomingMessage]
    assert.equal(String((await response.toArray())[0]), String(200 * 100_000))
  })

  test('pass their body on while it is being sent', async () => {
    let seen = ''
    const { port } = await serving((req, res) => {
      req.on('data', (chunk) => {
        seen += chunk
      })
      req.on('end', () => res.end('all'))
    })
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
    outgoing.write('first')
    await until(() => seen === 'first')
    outgoing.end('second')
    await once(outgoing, 'response')
    assert.equal(seen, 'firstsecond')
    outgoing.destroy()
  })

  test('end with their trailers, but those that would change what was said', async () => {
    const { port } = await serving(async (req, res) => {
      const body = Buffer.concat(await req.toArray())
      res.end(JSON.stringify({ body: String(body), announced: req.headers.trailer, trailers: req.rawTrailers }))
    })
    const head =
      'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n'
    const end = '0\r\nX-Sum: 42\r\nhost: elsewhere\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n'
    const got = await sendRaw(port, `${head}4\r\nbody\r\n${end}`)
    const told = JSON.parse(got.slice(got.indexOf('{'), got.lastIndexOf('}') + 1))
    assert.deepEqual(told, { body: 'body', announced: 'X-Sum', trailers: ['X-Sum', '42'] })
  })

  test('of HTTP/1.0 need not name a host', async () => {
    const { port, backend } = await serving((req, res) => res.end(`asked ${req.headers.host}`))
    const got = await sendRaw(port, 'GET / HTTP/1.0\r\n\r\n')
    assert.ok(got.endsWith(`asked 127.0.0.1:${backend.port}`), got)
  })

  test('that wait for 100 Continue are told to go on', async () => {
    const { port } = await serving(async (req, res) => {
      const body = await req.toArray()
      res.end(`${req.headers.expect}:${Buffer.concat(body)}`)
    })
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      headers: { expect: '100-continue' },
      agent: false,
    })
    outgoing.flushHeaders()
    await once(outgoing, 'continue')
    outgoing.end('the body')
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    assert.equal(Buffer.concat(await response.toArray()).toString(), 'undefined:the body')
  })

  test('that are answered early get that answer, and their connection goes on', async () => {
    const { port } = await serving((req, res) => {
      if (req.method === 'GET') return void res.end('next')
      res.writeHead(413, { connection: 'close' }).end('too large')
    })
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk
    })
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nbegin')
    await until(() => got.includes('too large'))
    socket.write(`${'x'.repeat(99_995)}GET / HTTP/1.1\r\nhost: x\r\n\r\n`)
    await until(() => got.endsWith('next'))
    socket.destroy()
  })

  test('whose client leaves are ended at the backend', async () => {
    let ended = 0
    const { port, key } = await serving((req, res) => {
      if (req.url === '/streaming') res.write('begin')
      req.resume()
      res.once('close', () => {
        if (!res.writableEnded) ended += 1
      })
    })
    for (const [path, method] of [
      ['/waiting', 'GET'],
      ['/streaming', 'GET'],
      ['/uploading', 'POST'],
    ] as const) {
      const before = ended
      const outgoing = request({ host: '127.0.0.1', port, path, method, agent: false })
      outgoing.on('error', () => {})
      if (method === 'POST') outgoing.write('begin')
      else outgoing.end()
      await untilStatus(suite.router, key, (status) => status.backends[0]?.inFlight === 1)
      outgoing.destroy()
      await until(() => ended === before + 1)
    }
    await untilStatus(suite.router, key, (status) => status.backends[0]?.inFlight === 0)
    assert.equal((await suite.router.client.service(key))?.totals.failures, 0)
  })

  test('of which nothing was sent are tried elsewhere, with their body', async () => {
    const dead = await startBackend((_req, res) => res.end('dead'))
    const alive = await suite.backend(async (req, res) => res.end(`alive ${Buffer.concat(await req.toArray())}`))
    const key = newKey()
    // A long interval: only the failing requests themselves can find out.
    const health = { path: '/healthz', intervalMs: 600_000, timeoutMs: 2000 }
    const port = await publish(suite.router, key, serviceOf([specOf(dead, { health }), specOf(alive, { health })]))
    await dead.close()
    for (let count = 0; count < 10; count++) {
      const { text, status } = await ask({ port, method: 'POST', body: 'payload' })
      assert.deepEqual([status, text], [200, 'alive payload'])
    }
    await untilStatus(suite.router, key, ({ backends }) => backends[0]?.state === 'unhealthy')
  })

  test('that came on a kept connection are safe when the backend closed it', async () => {
    // Closes every kept connection after one answer, without having said so.
    const { port } = await serving((req, res) => {
      res.end('ok')
      res.once('finish', () => setTimeout(() => req.socket.destroy(), 1))
    })
    for (let count = 0; count < 30; count++) {
      assert.equal((await ask({ port })).status, 200)
      await sleep(count % 5)
    }
  })

  test('that meet a dead kept connection are tried on a new one, not on the next that is dead as well', async () => {
    const used = new WeakSet<object>()
    const held: ServerResponse[] = []
    const { port } = await serving((req, res) => {
      if (used.has(req.socket)) req.socket.destroy()
      else if (req.url === '/together') held.push(res)
      else res.end('well')
      used.add(req.socket)
    })
    const together = Array.from({ length: 4 }, () => ask({ port, path: '/together' }))
    await until(() => held.length === together.length)
    for (const res of held) res.end('first')
    await Promise.all(together)
    assert.deepEqual(await ask({ port }).then(({ status, text }) => [status, text]), [200, 'well'])
  })

  test('without any healthy backend wait a moment for one', async () => {
    const key = newKey()
    const { listen } = await suite.router.client.putService(key, serviceOf([]))
    const waiting = ask({ port: listen.port, method: 'POST', body: 'patience' })
    await untilStatus(suite.router, key, (status) => status.waiting === 1)
    const backend = await suite.backend((req, res) => void req.pipe(res))
    await suite.router.client.putService(key, serviceOf([specOf(backend)]))
    assert.equal((await waiting).text, 'patience')
  })

  test('without any healthy backend are 503 in the end, and say when to come again', async () => {
    const key = newKey()
    const { listen } = await suite.router.client.putService(key, serviceOf([]))
    const { status, headers, text } = await ask({ port: listen.port })
    assert.equal(status, 503)
    assert.equal(headers['retry-after'], '1')
    assert.match(text, /not ready/)
  })
})

describe('hygiene', () => {
  test('messages whose length is ambiguous are refused, and nothing of them reaches a backend', async () => {
    const { port, backend } = await serving((_req, res) => res.end('never'))
    const smuggled = [
      'content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'content-length: 5\r\ncontent-length: 6\r\n\r\nhello',
      'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n',
      'transfer-encoding : chunked\r\n\r\n0\r\n\r\n',
      'content-length: +5\r\n\r\nhello',
      'content-length: 5, 5\r\n\r\nhello',
      'x-folded: a\r\n b\r\ncontent-length: 0\r\n\r\n',
      'host: another\r\ncontent-length: 0\r\n\r\n',
    ]
    for (const rest of smuggled) {
      const got = await sendRaw(port, `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${rest}`)
      assert.match(got, /^HTTP\/1\.1 400 /, JSON.stringify(rest))
    }
    assert.equal(backend.requests, 0)
  })

  test('the whole URL may stand in a request; other targets are refused', async () => {
    const { port } = await serving((req, res) => res.end(req.url))
    const whole = await sendRaw(port, 'GET http://x/path?q HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    assert.match(whole, /\r\n\/path\?q/)
    const star = await sendRaw(port, 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    assert.match(star, /^HTTP\/1\.1 400/)
  })

  test('CONNECT is refused', async () => {
    const { port } = await serving((_req, res) => res.end())
    assert.match(
      await sendRaw(port, 'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n'),
      /^HTTP\/1\.1 405 /,
    )
  })
})
