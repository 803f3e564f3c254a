import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { routerSocketPath } from '../../../../src/targets/fleet/router/index.ts'
import {
  ask,
  newKey,
  publish,
  serviceOf,
  specOf,
  startBackend,
  startRouter,
  type TestRouter,
} from './router-process.ts'

let router: TestRouter
before(async () => {
  router = await startRouter()
})
after(() => router.dispose())

type Reply = { status: number; body: { error?: { code: string; message: string } } }

function call(method: string, path: string, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socketPath = routerSocketPath(router.directory)
    const outgoing = request({ socketPath, method, path, agent: false }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString()
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) })
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

describe('the control socket', () => {
  test('can be opened by its owner only, and so can what is beside it', () => {
    for (const name of ['router.sock', 'router.lock']) {
      const path = `${router.directory}/${name}`
      assert.equal(statSync(path).mode & 0o077, 0, name)
    }
  })

  test('refuses what is no service, names what is wrong, and changes nothing', async () => {
    const key = newKey()
    const backend = await startBackend((_req, res) => res.end('ok'))
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const good = serviceOf([specOf(backend)])
    const wrong: Array<[unknown, RegExp]> = [
      [{ ...good, listen: { host: '127.0.0.1', port: 70_000 } }, /listen\.port/],
      [{ ...good, listen: { host: 'a b', port: null } }, /listen\.host/],
      [{ ...good, extra: 1 }, /extra/],
      [serviceOf([specOf(backend, { weight: -1 })]), /backends\.0\.weight/],
      [serviceOf([specOf(backend, { weight: Number.NaN })]), /backends\.0\.weight/],
      [serviceOf([specOf(backend), specOf(backend)]), /the same id twice/],
      [serviceOf([specOf(backend, { health: { path: 'x\r\ny', intervalMs: 1, timeoutMs: 1 } })]), /health\.path/],
      [serviceOf(Array.from({ length: 1001 }, (_, at) => specOf({ id: `b${at}`, port: 1 }))), /backends/],
      [null, /./],
      [[], /./],
    ]
    for (const [spec, sentence] of wrong) {
      const { status, body } = await call('PUT', `/services/${encodeURIComponent(key)}`, JSON.stringify(spec))
      assert.equal(status, 400, JSON.stringify(spec).slice(0, 200))
      assert.equal(body.error?.code, 'INVALID_REQUEST')
      assert.match(body.error?.message ?? '', sentence)
    }
    assert.equal((await ask({ port })).text, 'ok')
    await backend.close()
  })

  test('refuses bodies that are no JSON or too large, unknown paths, methods and keys', async () => {
    const statusOf = async (...parameters: Parameters<typeof call>) => (await call(...parameters)).status
    assert.equal(await statusOf('PUT', '/services/x', '{'), 400)
    assert.equal(await statusOf('PUT', '/services/x', `"${'x'.repeat(2_000_000)}"`).catch(() => 400), 400)
    assert.equal(await statusOf('GET', '/nothing'), 404)
    assert.equal(await statusOf('GET', '/services/shop/stage/carts'), 404)
    assert.equal(await statusOf('GET', '/services/never-heard-of'), 404)
    assert.equal(await statusOf('DELETE', '/services/never-heard-of'), 404)
    assert.equal(await statusOf('POST', '/services/x', '{}'), 405)
    assert.equal(await statusOf('DELETE', '/healthz'), 405)
    assert.equal(await statusOf('GET', '/services/%00'), 400)
    assert.equal(await statusOf('GET', '/services/%ff'), 400)
    assert.equal(await statusOf('GET', `/services/${'k'.repeat(1001)}`), 400)
    assert.equal(await statusOf('GET', '/services/__proto__'), 404)
    assert.equal(await statusOf('GET', '/services/x?revision=nonsense&waitMs=1e99'), 404)
  })

  test('survives noise', async () => {
    for (const noise of [
      '\0\0\0\0',
      'GET',
      'PUT /services/x HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n',
      '{}\n',
    ]) {
      const socket = connect(routerSocketPath(router.directory))
      socket.on('error', () => {})
      socket.end(noise)
      await once(socket.resume(), 'close')
    }
    assert.equal((await router.client.health()).pid, router.process().pid)
  })

  test('keeps a service apart whose key is a word of JavaScript', async () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const { key: answered } = await router.client.putService(key, serviceOf([]))
      assert.equal(answered, key)
    }
    const keys = (await router.client.services()).map((service) => service.key)
    for (const key of ['__proto__', 'constructor', 'toString']) assert.ok(keys.includes(key), key)
    await router.kill()
    await router.start()
    assert.equal((await router.client.service('__proto__'))?.key, '__proto__')
  })
})
