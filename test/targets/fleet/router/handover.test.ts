import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { isSameProcessAlive, processStartTime } from '../../../../src/process/index.ts'
import { askHolder, createRouterClient, routerSocketPath } from '../../../../src/targets/fleet/router/index.ts'
import { respondToLoad, startLoad, startNewConnections } from './load.ts'
import {
  ask,
  newKey,
  publish,
  serviceOf,
  specOf,
  startBackend,
  type TestRouter,
  until,
  untilStatus,
} from './router-process.ts'

const at = (file: string) => fileURLToPath(new URL(`../../../../src/targets/fleet/router/${file}`, import.meta.url))
const routerCommand = (directory: string): [string, ...string[]] => [
  process.execPath,
  at('main.ts'),
  directory,
  '--held',
]

type HeldRouter = Pick<TestRouter, 'directory' | 'client' | 'log'> & {
  holder: ChildProcess
  routerPid(): Promise<number>
  upgrade(): Promise<void>
}

/** A socket holder with its router, as an agent starts them. */
async function heldRouter(t: TestContext): Promise<HeldRouter> {
  const directory = mkdtempSync(join(tmpdir(), 'held-'))
  const client = createRouterClient(routerSocketPath(directory))
  const out = openSync(join(directory, 'log'), 'a')
  const holder = spawn(process.execPath, [at('holder-main.ts'), directory, ...routerCommand(directory)], {
    stdio: ['ignore', out, out],
    detached: true,
  })
  const log = () => readFileSync(join(directory, 'log'), 'utf8')
  const pids = new Set<number>()
  const routerPid = async () => {
    const { pid } = await client.health()
    pids.add(pid)
    return pid
  }
  t.after(async () => {
    await askHolder(directory, { ask: 'stop' }).catch(() => holder.kill('SIGKILL'))
    client.close()
    for (const pid of pids) {
      // A retired one that a failed test left.
      if (existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory))
        process.kill(pid, 'SIGKILL')
    }
    rmSync(directory, { recursive: true, force: true })
  })
  await until(async () => (await routerPid()) > 0)
  return {
    directory,
    client,
    log,
    holder,
    routerPid,
    async upgrade() {
      const before = await routerPid()
      await askHolder(directory, { ask: 'replace-router', command: routerCommand(directory) })
      assert.notEqual(await routerPid(), before)
    },
  }
}

const backendUnderLoad = async (t: TestContext) => {
  const backend = await startBackend((req, res) => void respondToLoad(req, res))
  t.after(() => backend.close())
  return backend
}

describe('a router that is upgraded in place', () => {
  test('five times under load drops no request, upload, stream or new connection', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    const load = startLoad(port, { quick: 8, slow: 4, upload: 3, stream: 4 })
    const fresh = startNewConnections(port, 4)
    for (let upgrade = 0; upgrade < 5; upgrade++) await router.upgrade()
    const connections = await fresh.stop()
    await load.stop()
    assert.deepEqual([...fresh.failures, ...load.failures], [])
    assert.ok(connections > 200 && load.requests > 200, `${connections} connections, ${load.requests} requests`)
  })

  test('keeps WebSockets and event streams in the old process, whose instances wait for them', async (t) => {
    const router = await heldRouter(t)
    const [old, next] = [await backendUnderLoad(t), await backendUnderLoad(t)]
    const events = await startBackend((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => res.write('data: tick\n\n'), 50)
      res.once('close', () => clearInterval(timer))
    })
    t.after(() => events.close())
    const sockets = new WebSocketServer({ server: old.server })
    sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(String(message))))
    const [key, eventsKey] = [newKey(), newKey('events')]
    const port = await publish(router, key, serviceOf([specOf(old)]))
    const eventsPort = await publish(router, eventsKey, serviceOf([specOf(events)]))
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(socket, 'open')
    let ticks = 0
    const stream = request({ port: eventsPort, host: '127.0.0.1', agent: false }).end()
    const [response] = await once(stream, 'response')
    response.on('data', () => ticks++)
    const oldPid = await router.routerPid()
    const startedAt = processStartTime(oldPid)

    await router.upgrade()
    await router.upgrade()
    const before = ticks
    await until(() => ticks > before + 3)
    const status = await router.client.putService(key, serviceOf([specOf(old, { drain: true }), specOf(next)]))
    assert.deepEqual(
      status.backends.map(({ id, inFlight, tunnels }) => ({ id, inFlight, tunnels })),
      [
        { id: old.id, inFlight: 1, tunnels: 1 },
        { id: next.id, inFlight: 0, tunnels: 0 },
      ],
    )
    socket.send('there?')
    assert.equal(String((await once(socket, 'message'))[0]), 'there?')
    socket.close()
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 0)
    await router.client.deleteService(eventsKey)
    assert.equal((await router.client.service(eventsKey))?.backends[0]?.inFlight, 1)
    stream.destroy()
    await until(async () => (await router.client.service(eventsKey)) === null)
    await until(() => !isSameProcessAlive(oldPid, startedAt))
    await until(() => readdirSync(join(router.directory, 'old')).length === 0)
  })

  test('cuts in the old process what has drained for too long', async (t) => {
    const router = await heldRouter(t)
    const [old, next] = [await backendUnderLoad(t), await backendUnderLoad(t)]
    new WebSocketServer({ server: old.server })
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(old)]))
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await router.upgrade()
    await router.client.putService(
      key,
      serviceOf([specOf(old, { drain: true }), specOf(next)], { drainTimeoutMs: 100 }),
    )
    await closed
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 0)
  })

  test('goes on where the next one does not come up', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const before = await router.routerPid()
    const broken: [string, ...string[]] = [process.execPath, '-e', 'process.exit(3)']
    await assert.rejects(askHolder(router.directory, { ask: 'replace-router', command: broken }), /has ended/)
    const stuck = `process.send({ kind: 'loaded' }); setTimeout(() => process.exit(1), 300)`
    await assert.rejects(
      askHolder(router.directory, { ask: 'replace-router', command: [process.execPath, '-e', stuck] }),
      /has ended/,
    )
    await until(async () => (await router.routerPid()) === before)
    assert.equal((await ask({ port })).text, 'quick')
    await router.client.putService(key, serviceOf([specOf(backend, { weight: 3 })]))
  })

  test('is replaced where its own program is gone: who waits is served by the next', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    const copy = join(router.directory, 'copy.ts')
    writeFileSync(copy, `await import(${JSON.stringify(at('main.ts'))})\n`)
    const command: [string, ...string[]] = [process.execPath, copy, router.directory, '--held']
    await askHolder(router.directory, { ask: 'replace-router', command })
    assert.deepEqual((await askHolder(router.directory, { ask: 'describe' })).routerCommand, command)
    rmSync(copy)
    const pid = await router.routerPid()
    const startedAt = processStartTime(pid)
    process.kill(pid, 'SIGKILL')
    await until(() => !isSameProcessAlive(pid, startedAt))
    const waiting = ask({ port, path: '/quick' })
    await askHolder(router.directory, { ask: 'replace-router', command: routerCommand(router.directory) })
    assert.equal((await waiting).text, 'quick')
  })

  test('lets go of an address at once that is no longer wanted', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const [first, second] = [newKey(), newKey()]
    const port = await publish(router, first, serviceOf([specOf(backend)]))
    for (let change = 0; change < 3; change++) {
      await router.upgrade()
      await router.client.deleteService(first)
      const moved = serviceOf([specOf(backend)], { listen: { host: '127.0.0.1', port } })
      assert.equal(await publish(router, second, moved), port)
      await router.client.deleteService(second)
      await assert.rejects(ask({ port }))
      assert.equal(await publish(router, first, moved), port)
    }
  })
})

describe('a router that is killed', () => {
  test('refuses no new connection: they wait for the next one', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    for (let kill = 0; kill < 3; kill++) {
      const pid = await router.routerPid()
      const startedAt = processStartTime(pid)
      process.kill(pid, 'SIGKILL')
      await until(() => !isSameProcessAlive(pid, startedAt))
      // Connected before there is anyone to accept them.
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ port, path: '/quick' })))
      assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)), new Set(['200 quick']))
      await until(async () => (await router.routerPid()) !== pid)
    }
  })

  test('leaves those alone that an older router still ends', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const key = newKey()
    const port = await publish(router, key, serviceOf([specOf(backend)]))
    const slow = ask({ port, path: '/slow' })
    await untilStatus(router, key, ({ backends }) => backends[0]?.inFlight === 1)
    await router.upgrade()
    const pid = await router.routerPid()
    process.kill(pid, 'SIGKILL')
    await until(async () => (await router.routerPid()) !== pid)
    assert.equal((await slow).text, 'slow')
  })

  test('by SIGTERM hands over first', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    const load = startLoad(port, { quick: 4, slow: 2, stream: 2 })
    const fresh = startNewConnections(port, 2)
    const pid = await router.routerPid()
    process.kill(pid, 'SIGTERM')
    await until(async () => (await router.routerPid()) !== pid)
    await fresh.stop()
    await load.stop()
    assert.deepEqual([...fresh.failures, ...load.failures], [])
  })
})

describe('a socket holder that is killed', () => {
  test('is replaced by its router, drops nothing, and the next one holds every socket', async (t) => {
    const router = await heldRouter(t)
    const backend = await backendUnderLoad(t)
    const port = await publish(router, newKey(), serviceOf([specOf(backend)]))
    const load = startLoad(port, { quick: 4, slow: 2, stream: 2, upload: 1 })
    const routerBefore = await router.routerPid()
    const { pid: holderBefore } = await askHolder(router.directory, { ask: 'describe' })
    process.kill(holderBefore, 'SIGKILL')
    await until(async () => (await askHolder(router.directory, { ask: 'describe' })).routerPid === routerBefore)
    assert.equal(await router.routerPid(), routerBefore)
    await router.upgrade()
    await load.stop()
    assert.deepEqual(load.failures, [])
    const pid = await router.routerPid()
    process.kill(pid, 'SIGKILL')
    const connection = connect(port, '127.0.0.1')
    await once(connection, 'connect')
    connection.destroy()
    await until(async () => (await router.routerPid()) !== pid)
    assert.equal((await ask({ port, path: '/quick' })).text, 'quick')
  })
})
