import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { TrunklineError } from '../../../../src/model/index.ts'
import { createRouterClient, type ServiceSpec } from '../../../../src/targets/fleet/router/index.ts'
import { openServiceRouter, routedName, type ServiceRouter } from '../../../../src/targets/fleet/routers/index.ts'
import { haproxyMissing, startHaproxy } from '../../../parts/haproxy.ts'
import { freePort } from '../../../parts/local-server.ts'
import { nginxMissing, startNginx } from '../../../parts/nginx.ts'
import { ask, newKey, specOf, startBackend, startRouter, until } from '../router/router-process.ts'
import { type Site, serviceRouterContract } from './service-router.contract.ts'

const surroundings = { fleet: 'test-fleet', environment: { PATH: process.env['PATH'] ?? '' }, log: () => {} }
const noClient = createRouterClient('/nowhere')

const sitesFor = (count: number): Promise<Site[]> =>
  Promise.all(Array.from({ length: count }, async (_, index) => ({ port: await freePort(), name: `service-${index}` })))

serviceRouterContract("Trunkline's own router", {
  skip: false,
  async open(count) {
    const router = await startRouter()
    return {
      sites: await sitesFor(count),
      connect: () => openServiceRouter({ kind: 'built-in' }, surroundings, router.client),
      serve: async () => {},
      keepsConnections: true,
      close: () => router.dispose(),
    }
  },
})

serviceRouterContract('nginx', {
  skip: nginxMissing(),
  async open(count) {
    const nginx = await startNginx()
    const config = { ...nginx, kind: 'nginx', upstream: '{service}' } as const
    return {
      sites: await sitesFor(count),
      connect: () => openServiceRouter(config, surroundings, noClient),
      serve: ({ port, name }) => nginx.serve(port, name),
      // nginx before 1.27.4 ends idle connections at every reload.
      keepsConnections: false,
      close: () => nginx.stop(),
    }
  },
})

for (const slots of [0, 6]) {
  serviceRouterContract(slots === 0 ? 'HAProxy, with servers added,' : 'HAProxy, with slots set aside,', {
    skip: haproxyMissing(),
    async open(count) {
      const sites = await sitesFor(count)
      const haproxy = await startHaproxy(sites.map(({ port, name }) => ({ port, backend: name, slots })))
      const config = { kind: 'haproxy', socket: haproxy.socket, backend: '{service}' } as const
      return {
        sites,
        connect: () => openServiceRouter(config, surroundings, noClient),
        serve: async () => {},
        keepsConnections: true,
        close: () => haproxy.stop(),
      }
    },
  })
}

const specAt = (port: number | null, backends: ServiceSpec['backends'] = []): ServiceSpec => ({
  listen: { host: '127.0.0.1', port },
  backends,
  drainTimeoutMs: 1000,
})

const refuses = (action: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof TrunklineError, String(error))
    assert.deepEqual([error.code, error.kind], [code, 'errored'])
    assert.match(error.message, message)
    return true
  })

test("a service's name at a team's router is made of its own, its environment's and its project's", () => {
  const of = { project: 'shop', environment: 'pr/12', service: 'carts' }
  const config = { kind: 'haproxy', socket: '/s', backend: '{project}-{environment}_{service}' } as const
  assert.equal(routedName(config, of), 'shop-pr-12_carts')
})

describe('nginx', { skip: nginxMissing() }, () => {
  const opened = async (t: TestContext) => {
    const nginx = await startNginx()
    const config = { ...nginx, kind: 'nginx', upstream: '{service}' } as const
    const router = openServiceRouter(config, surroundings, noClient)
    t.after(async () => {
      router.close()
      await nginx.stop()
    })
    return { nginx, config, router }
  }

  test('that refuses its configuration says why, and nothing has changed', async (t) => {
    const { nginx, router } = await opened(t)
    const backend = await startBackend((_req, res) => res.end('ok'))
    t.after(() => backend.close())
    const port = await freePort()
    await router.put('key', specAt(port, [specOf(backend)]), 'carts')
    await nginx.serve(port, 'carts')
    await until(async () => (await ask({ port })).text === 'ok')
    const file = join(nginx.directory, 'carts.conf')
    const before = readFileSync(file, 'utf8')
    writeFileSync(join(nginx.directory, '..', 'sites', 'broken.conf'), 'server { listen nonsense nonsense; }\n')
    await refuses(
      router.put('key', specAt(port, [specOf(backend), specOf({ id: 'other', port: 1 })]), 'carts'),
      'NGINX_CONFIG',
      /^nginx refuses its configuration: .*nonsense.*broken\.conf:1/,
    )
    assert.equal(readFileSync(file, 'utf8'), before)
    assert.equal((await ask({ port })).text, 'ok')
  })

  test('keeps an empty upstream where the team still names it, and no file where nobody does', async (t) => {
    const { nginx, router } = await opened(t)
    const port = await freePort()
    await router.put('named', specAt(port), 'named')
    await router.put('unnamed', specAt(await freePort()), 'unnamed')
    await nginx.serve(port, 'named')
    await until(async () => (await ask({ port })).status === 502)
    await router.remove('named')
    await router.remove('unnamed')
    assert.deepEqual(readdirSync(nginx.directory), ['named.conf'])
    assert.deepEqual(await router.services(), [])
  })

  test('leaves files alone that are not ours', async (t) => {
    const { nginx, router } = await opened(t)
    const file = join(nginx.directory, 'theirs.conf')
    writeFileSync(file, 'upstream theirs { server 127.0.0.1:9; }\n')
    await refuses(router.put('key', specAt(80), 'theirs'), 'NGINX_FILE', /theirs\.conf is not this fleet's/)
    assert.match(readFileSync(file, 'utf8'), /^upstream theirs/)
    await router.put('mine', specAt(80), 'mine')
    await refuses(router.put('other', specAt(80), 'mine'), 'NGINX_FILE', /mine\.conf/)
  })

  test('with a directory that is missing or closed to us is told plainly', async (t) => {
    const { config } = await opened(t)
    const missing = openServiceRouter({ ...config, directory: '/nowhere/at-all' }, surroundings, noClient)
    await refuses(missing.put('key', specAt(80), 'carts'), 'NGINX_DIRECTORY', /the directory does not exist/)
    if (process.getuid?.() === 0) return
    const closed = mkdtempSync(join(tmpdir(), 'closed-'))
    t.after(() => rmSync(closed, { recursive: true }))
    chmodSync(closed, 0o500)
    const router = openServiceRouter({ ...config, directory: closed }, surroundings, noClient)
    await refuses(router.put('key', specAt(80), 'carts'), 'NGINX_DIRECTORY', /permission denied/)
  })

  test('that is not running is an error, and the file is gone again', async (t) => {
    const { nginx, router } = await opened(t)
    const spare = mkdtempSync(join(tmpdir(), 'nginx-spare-'))
    t.after(() => rmSync(spare, { recursive: true }))
    mkdirSync(join(spare, 'd'))
    const config = {
      ...nginx,
      kind: 'nginx',
      upstream: '{service}',
      directory: join(spare, 'd'),
      reload: [nginx.reload[0] ?? '', '-g', `pid ${join(spare, 'pid')};`, '-c', '/dev/null', '-s', 'reload'],
    } as const
    const dead: ServiceRouter = openServiceRouter({ ...config, reload: [...config.reload] }, surroundings, noClient)
    await refuses(dead.put('key', specAt(80), 'carts'), 'NGINX_RELOAD', /nginx could not be reloaded/)
    assert.deepEqual(readdirSync(join(spare, 'd')), [])
    router.close()
  })
})

describe('HAProxy', { skip: haproxyMissing() }, () => {
  const opened = async (t: TestContext, slots = 0) => {
    const port = await freePort()
    const haproxy = await startHaproxy([{ port, backend: 'carts', slots }])
    const config = { kind: 'haproxy', socket: haproxy.socket, backend: '{service}' } as const
    const router = openServiceRouter(config, surroundings, noClient)
    t.after(async () => {
      router.close()
      await haproxy.stop()
    })
    return { port, config, router, haproxy }
  }

  test('that the team reloads is told again what it has forgotten', async (t) => {
    const { port, router, haproxy } = await opened(t)
    const backend = await startBackend((_req, res) => res.end('ok'))
    t.after(() => backend.close())
    await router.put('key', specAt(port, [specOf(backend)]), 'carts')
    assert.equal((await ask({ port })).text, 'ok')
    // A master that has only just started its worker may miss the first signal.
    let reloadedAtMs = Number.NEGATIVE_INFINITY
    await until(async () => {
      if (performance.now() - reloadedAtMs > 2000) {
        haproxy.reload()
        reloadedAtMs = performance.now()
      }
      return (await ask({ port })).status === 503
    })
    await until(async () => {
      const [service] = await router.services()
      return service?.backends[0]?.accepting === true && (await ask({ port })).text === 'ok'
    })
  })

  test('without a socket, or with a backend it does not know, is told plainly', async (t) => {
    const { config, router } = await opened(t)
    const away = openServiceRouter({ ...config, socket: '/nowhere/admin.sock' }, surroundings, noClient)
    await refuses(away.put('key', specAt(80), 'carts'), 'ROUTER_UNREACHABLE', /there is no such socket/)
    await refuses(router.put('key', specAt(80), 'stock'), 'HAPROXY_BACKEND', /has no backend stock/)
  })

  test('with fewer slots than instances says so, and serves on', async (t) => {
    const { port, router } = await opened(t, 1)
    const [first, second] = await Promise.all([1, 2].map(() => startBackend((_req, res) => res.end('ok'))))
    assert.ok(first && second)
    t.after(() => Promise.all([first.close(), second.close()]))
    await router.put('key', specAt(port, [specOf(first)]), 'carts')
    await refuses(
      router.put('key', specAt(port, [specOf(first), specOf(second)]), 'carts'),
      'HAPROXY_SLOTS',
      /all 1 slots/,
    )
    assert.equal((await ask({ port })).text, 'ok')
  })
})

test('a service behind a team’s router needs a port of its own', async () => {
  const config = { kind: 'haproxy', socket: '/nowhere', backend: '{service}' } as const
  const router = openServiceRouter(config, surroundings, noClient)
  await refuses(router.put(newKey(), specAt(null), 'carts'), 'PORT_NEEDED', /on which port .* serves carts/)
})

test('a stats socket that answers nothing is given up', { skip: haproxyMissing() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mute-'))
  const server = createServer((socket) => socket.resume().once('data', () => socket.destroy()))
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  const config = { kind: 'haproxy', socket: join(folder, 's'), backend: '{service}' } as const
  const router = openServiceRouter(config, surroundings, noClient)
  await refuses(router.put(newKey(), specAt(80), 'carts'), 'ROUTER_UNREACHABLE', /closed without an answer/)
})
