import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, sendRaw } from './router-process.ts'
import { suiteRouter } from './suite-router.ts'

const suite = suiteRouter()
const { serving } = suite

describe('answers', () => {
  test('HEAD, 204 and 304 have no body and keep the connection usable', async () => {
    const { port } = await serving((req, res) => {
      if (req.url === '/204' || req.url === '/304') res.writeHead(Number(req.url.slice(1)), { etag: '"x"' }).end()
      else res.writeHead(200, { 'content-length': '5' }).end('hello')
    })
    const head = await ask({ port, method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.headers['content-length'], '5')
    assert.equal(head.text, '')
    const answers = await sendRaw(
      port,
      'GET /204 HTTP/1.1\r\nhost: x\r\n\r\nGET /304 HTTP/1.1\r\nhost: x\r\n\r\nHEAD / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    )
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200', 'HTTP/1.1 200'])
    assert.ok(answers.endsWith('\r\n\r\nhello'))
  })

  test('stream: each event arrives while the answer goes on', async () => {
    let events: ServerResponse | undefined
    const { port } = await serving((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.flushHeaders()
      events = res
    })
    const outgoing = request({ host: '127.0.0.1', port, agent: false }).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    for (const number of [1, 2, 3]) {
      events?.write(`data: ${number}\n\n`)
      const [chunk] = await once(response, 'data')
      assert.equal(String(chunk), `data: ${number}\n\n`)
    }
    events?.end()
    response.resume()
    await once(response, 'end')
    assert.ok(response.complete)
  })

  test('end with their trailers', async () => {
    const { port } = await serving((_req, res) => {
      res.writeHead(200, { trailer: 'x-checksum' })
      res.write('body')
      res.addTrailers({ 'x-checksum': '42' })
      res.end()
    })
    const { message, text } = await ask({ port })
    assert.equal(text, 'body')
    assert.deepEqual({ ...message.trailers }, { 'x-checksum': '42' })
  })

  test('end with no trailer that would change what was said', async () => {
    const { port } = await serving((req) => {
      req.socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n4\r\nbody\r\n')
      req.socket.write('0\r\nx-sum: 42\r\nContent-Length: 99\r\nconnection: close\r\n\r\n')
    })
    const { message } = await ask({ port })
    assert.deepEqual({ ...message.trailers }, { 'x-sum': '42' })
  })

  test('of HTTP/1.0 end with their connection', async () => {
    const { port } = await serving((req) => req.socket.end('HTTP/1.0 200 OK\r\nx-old: yes\r\n\r\nold words'))
    for (let count = 0; count < 3; count++) {
      const { text, headers } = await ask({ port })
      assert.deepEqual([text, headers['x-old']], ['old words', 'yes'])
    }
  })

  test('may be announced by others, which are not passed on', async () => {
    const { port } = await serving((_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' })
      res.writeProcessing()
      res.end('final')
    })
    const got = await sendRaw(port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    assert.deepEqual(got.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200'])
    assert.ok(got.endsWith('final'))
  })

  test('that nobody asked for reach nobody', async () => {
    const stray = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray'
    const { port } = await serving((req, res) => {
      if (req.url === '/behind') req.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${stray}`)
      else res.end('ok', () => setImmediate(() => req.socket.write(stray)))
    })
    for (let count = 0; count < 20; count++) {
      const { text, status } = await ask({ port, path: count % 2 === 0 ? '/behind' : '/later' })
      assert.deepEqual([status, text], [200, 'ok'])
      await sleep(count)
    }
  })

  test('are read from the backend only as fast as the client reads', async () => {
    let written = 0
    const { port } = await serving((_req, res) => {
      const chunk = Buffer.alloc(64 * 1024)
      const fill = () => {
        while (written < 200 * 1024 * 1024 && !res.destroyed) {
          written += chunk.length
          if (!res.write(chunk)) return void res.once('drain', fill)
        }
        res.end()
      }
      fill()
    })
    const outgoing = request({ host: '127.0.0.1', port, agent: false }).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.pause()
    await sleep(300)
    const whilePaused = written
    assert.ok(whilePaused < 50 * 1024 * 1024, `${whilePaused} bytes were taken without a reader`)
    let got = 0
    for await (const chunk of response) got += chunk.length
    assert.equal(got, written)
    assert.ok(got >= 200 * 1024 * 1024)
  })

  test('that break off break the connection: nothing is cut off silently', async () => {
    const { port, key } = await serving((req, res) => {
      res.writeHead(200, req.url === '/length' ? { 'content-length': 1000 } : {})
      res.write('half')
      setTimeout(() => req.socket.destroy(), 50)
    })
    await assert.rejects(ask({ port, path: '/length' }))
    await assert.rejects(ask({ port, path: '/chunked' }))
    // HTTP/1.0 has no other end of a body than the end of the connection: only a reset tells it from success.
    const socket = connect(port, '127.0.0.1').resume()
    socket.write('GET / HTTP/1.0\r\n\r\n')
    const [error] = await once(socket, 'error').catch((cause) => [cause])
    assert.equal(error.code, 'ECONNRESET')
    assert.equal((await suite.router.client.service(key))?.totals.failures, 3)
  })

  test('from a backend that breaks off before it answers are 502', async () => {
    const { port } = await serving((req) => req.socket.destroy())
    assert.equal((await ask({ port, method: 'POST', body: 'x' })).status, 502)
    assert.equal((await ask({ port })).status, 502)
  })

  test('that leave doubt about where they end are 502', async () => {
    const { port } = await serving((req) => {
      const header = decodeURIComponent(req.url?.slice(1) ?? '')
      req.socket.end(`HTTP/1.1 200 OK\r\n${header}\r\n\r\nhello`)
    })
    for (const header of [
      'content-length: nonsense',
      'content-length: 5\r\ncontent-length: 6',
      'content-length: 5\r\ntransfer-encoding: chunked',
      'transfer-encoding: gzip',
    ]) {
      assert.equal((await ask({ port, path: `/${encodeURIComponent(header)}` })).status, 502, header)
    }
  })
})
