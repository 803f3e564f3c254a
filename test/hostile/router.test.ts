/** Clients of the router that mean harm: bytes that two readers understand differently, that never end, or never come. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
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
} from '../targets/fleet/router/router-process.ts'

type Seen = { method: string | undefined; url: string | undefined; headers: string[]; body: string }

const onLinux = { skip: process.platform === 'linux' ? false : 'memory is read from /proc' }

describe('the router', onLinux, () => {
  let router: TestRouter
  let backend: TestBackend
  let port = 0
  const seen: Seen[] = []
  before(async () => {
    router = await startRouter()
    backend = await startBackend(async (req, res) => {
      const request: Seen = { method: req.method, url: req.url, headers: req.rawHeaders, body: '' }
      seen.push(request)
      try {
        for await (const chunk of req.setEncoding('latin1')) request.body += chunk
        res.end(`answered ${req.url}`)
      } catch {
        // Cut off: there is nobody to answer.
      }
    })
    port = await publish(router, newKey(), serviceOf([specOf(backend)]))
  })
  after(async () => {
    await router.dispose()
    await backend.close()
  })

  /** Sends bytes and answers everything that comes until the connection ends; ours ends after a while of silence. */
  async function raw(...pieces: string[]): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    let got = ''
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1')
    })
    for (const piece of pieces) socket.write(piece, 'latin1')
    socket.setTimeout(1500, () => socket.destroy())
    await new Promise((resolve) => socket.once('close', resolve))
    return got
  }
  const residentBytes = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${router.process().pid}/status`, 'latin1'))?.[1]) * 1024

  const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'
  const post = (headers: string, body: string) => `POST /outer HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n${body}`
  const ways: Record<string, string> = {
    'two codings': post('transfer-encoding: chunked\r\ntransfer-encoding: identity', `0\r\n\r\n${smuggled}`),
    'a coding nobody knows': post('transfer-encoding: xchunked', `0\r\n\r\n${smuggled}`),
    'a coding behind a control character': post('transfer-encoding: \u000bchunked', `0\r\n\r\n${smuggled}`),
    'a coding on a folded line': post('transfer-encoding:\r\n chunked', `0\r\n\r\n${smuggled}`),
    'a length and a coding': post('content-length: 4\r\ntransfer-encoding: chunked', `0\r\n\r\n${smuggled}`),
    'two lengths': post(`content-length: 0\r\ncontent-length: ${smuggled.length}`, smuggled),
    'a length in other digits': post('content-length: 0x10', smuggled),
    'a negative length': post('content-length: -1', smuggled),
    'a length beyond all numbers': post('content-length: 99999999999999999999999', smuggled),
    'a zero byte in a header': post('x: a\0b\r\ncontent-length: 0', smuggled),
    'a space before the colon': post('content-length : 0', smuggled),
    'a header without a name': post(': x\r\ncontent-length: 0', smuggled),
    'bare line feeds': `POST /outer HTTP/1.1\nhost: x\ncontent-length: 0\n\n${smuggled}`,
    'a bare carriage return': post(`x: a\rtransfer-encoding: chunked\r\ncontent-length: 0`, smuggled),
    'a version of its own': `POST /outer HTTP/9.9\r\nhost: x\r\n\r\n${smuggled}`,
    'another protocol': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
  }
  for (const [name, bytes] of Object.entries(ways)) {
    test(`refuses ${name}, and nothing of it reaches a backend`, async () => {
      seen.length = 0
      assert.match(await raw(bytes), /^HTTP\/1\.1 (?:400|505) /)
      assert.deepEqual(seen, [])
    })
  }

  test('refuses a request for two hosts, or for none', async () => {
    seen.length = 0
    for (const hosts of ['host: x\r\nhost: y\r\n', ''])
      assert.match(
        await raw(`POST /outer HTTP/1.1\r\n${hosts}content-length: 0\r\nconnection: close\r\n\r\n`),
        /^HTTP\/1\.1 400 /,
      )
    assert.deepEqual(seen, [])
  })

  const chunks: Record<string, string> = {
    'a size beyond all numbers': 'ffffffffffffffff1\r\nx',
    'a negative size': '-1\r\nx',
    'a size in other digits': '0x5\r\nhello\r\n0\r\n\r\n',
    'a chunk longer than its size': '2\r\nhello\r\n0\r\n\r\n',
    'a size that ends in a bare line feed': '5\nhello\n0\n\n',
    'an extension of a megabyte': `5;${'x'.repeat(1_000_000)}\r\nhello\r\n0\r\n\r\n`,
  }
  for (const [name, body] of Object.entries(chunks)) {
    test(`ends a request with ${name}: no second one is read from it`, async () => {
      seen.length = 0
      const got = await raw(post('transfer-encoding: chunked', `${body}${smuggled}`))
      assert.doesNotMatch(got, /^HTTP\/1\.1 200/m)
      assert.ok(!seen.some(({ url }) => url === '/smuggled'))
    })
  }

  test('hands a request inside a body on as the body it is', async () => {
    seen.length = 0
    const got = await raw(post(`content-length: ${smuggled.length}\r\nconnection: close`, smuggled))
    assert.match(got, /answered \/outer/)
    assert.deepEqual(
      seen.map(({ url, body }) => ({ url, body })),
      [{ url: '/outer', body: smuggled }],
    )
  })

  test('lets nobody take its own words about a client away, nor open another protocol to a backend', async () => {
    seen.length = 0
    await raw(
      'GET /h2c HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close, x-forwarded-for\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n',
    )
    for (const { headers } of seen) {
      const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
      assert.ok(!names.includes('upgrade') && !names.includes('http2-settings'), names.join())
      assert.ok(names.includes('x-forwarded-for'))
    }
  })

  test('answers megabytes of headers with 431, in bounded memory', async () => {
    const before = residentBytes()
    const piece = `x-${'y'.repeat(1000)}: ${'z'.repeat(15_000)}\r\n`
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        raw('GET / HTTP/1.1\r\nhost: x\r\n', ...Array.from({ length: 64 }, () => piece)),
      ),
    )
    for (const got of answers) assert.match(got, /^HTTP\/1\.1 431 |^$/)
    assert.ok(answers.some((got) => got.startsWith('HTTP/1.1 431 ')))
    assert.ok(residentBytes() - before < 150 * 1024 * 1024)
    assert.match((await ask({ port })).text, /answered/)
  })

  test('serves others beside hundreds of clients that trickle headers and bodies', async () => {
    const before = residentBytes()
    const slow: Socket[] = Array.from({ length: 400 }, () => connect(port, '127.0.0.1').on('error', () => {}))
    const begin = [
      'GET / HTTP/1.1\r\nhost: x\r\nx: ',
      post('content-length: 1000000', ''),
      post('transfer-encoding: chunked', 'ff\r\n'),
    ]
    for (const [at, socket] of slow.entries()) socket.write(begin[at % begin.length] ?? '')
    const trickle = setInterval(() => {
      for (const socket of slow) if (!socket.destroyed) socket.write('y')
    }, 50)
    try {
      for (let count = 0; count < 20; count += 1) assert.match((await ask({ port })).text, /answered/)
      assert.ok(residentBytes() - before < 150 * 1024 * 1024)
    } finally {
      clearInterval(trickle)
      for (const socket of slow) socket.destroy()
    }
    assert.match((await ask({ port })).text, /answered/)
    assert.equal((await router.client.health()).pid, router.process().pid)
  })
})
