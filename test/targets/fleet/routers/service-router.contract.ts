/** What every router of a fleet must do, tried on the real one. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BackendSpec, ServiceSpec } from '../../../../src/targets/fleet/router/index.ts'
import type { RoutedService, ServiceRouter } from '../../../../src/targets/fleet/routers/index.ts'
import { respondToLoad, startLoad } from '../router/load.ts'
import { ask, newKey, specOf, startBackend, type TestBackend, until } from '../router/router-process.ts'

/** A place where the router serves a service: its port, and what the team calls it there. */
export type Site = { port: number; name: string }

export type ServiceRouterUnderTest = {
  skip: string | false
  /** Starts the real thing, with so many places for services. */
  open(sites: number): Promise<{
    sites: Site[]
    /** The router as an agent opens it; again, as its successor does. */
    connect(): ServiceRouter
    /** What a team does once a service is there. */
    serve(site: Site): Promise<void>
    /** Whether it keeps idle connections over a change of backends; one that does not may end them at any moment. */
    keepsConnections: boolean
    close(): Promise<void>
  }>
}

export function serviceRouterContract(name: string, { skip, open }: ServiceRouterUnderTest): void {
  describe(`${name} as a fleet's router`, { skip }, () => {
    let world: Awaited<ReturnType<ServiceRouterUnderTest['open']>>
    let router: ServiceRouter
    let used = 0
    before(async () => {
      if (skip !== false) return
      world = await open(6)
      router = world.connect()
    })
    after(async () => {
      router?.close()
      await world?.close()
    })

    const site = (): Site => {
      const next = world.sites[used++]
      assert.ok(next)
      return next
    }
    const start = (text?: string) =>
      startBackend((req, res) => (text === undefined ? void respondToLoad(req, res) : res.end(text)))
    const specAt = (at: Site, backends: BackendSpec[]): ServiceSpec => ({
      listen: { host: '127.0.0.1', port: at.port },
      backends,
      drainTimeoutMs: 20_000,
    })
    const backendIn = (service: RoutedService | undefined, { id }: TestBackend) =>
      service?.backends.find((backend) => backend.id === id)
    const now = async (key: string) => (await router.services()).find((service) => service.key === key)
    /** Publishes, and waits until all that take requests are well. */
    const publish = async (key: string, at: Site, backends: BackendSpec[]): Promise<void> => {
      await router.put(key, specAt(at, backends), at.name)
      await until(async () => (await now(key))?.backends.every(({ state }) => state === 'healthy') === true)
    }

    test('sends requests to the backends, and says where and to whom', async () => {
      const [at, key, first, second] = [site(), newKey(), await start('first'), await start('second')]
      await publish(key, at, [specOf(first), specOf(second, { weight: 0 })])
      await world.serve(at)
      await until(async () => (await ask(at)).text === 'first')
      const service = await now(key)
      assert.deepEqual([service?.listen.host, service?.listen.port], ['127.0.0.1', at.port])
      assert.deepEqual([backendIn(service, first)?.accepting, backendIn(service, second)?.accepting], [true, false])
      await router.put(key, specAt(at, [specOf(first, { drain: true }), specOf(second)]), at.name)
      const texts = await Promise.all(Array.from({ length: 20 }, async () => (await ask(at)).text))
      assert.deepEqual(new Set(texts), new Set(['second']))
      await router.remove(key)
      assert.equal(await now(key), undefined)
      await router.remove(key)
      await Promise.all([first.close(), second.close()])
    })

    test('divides requests by weight: one in ten for a canary', async () => {
      const [at, key, old, canary] = [site(), newKey(), await start('old'), await start('canary')]
      await publish(key, at, [specOf(old, { weight: 90 }), specOf(canary, { weight: 10 })])
      await world.serve(at)
      await until(async () => (await ask(at)).status === 200)
      const canaryBefore = canary.requests
      const oldBefore = old.requests
      for (let count = 0; count < 400; count++) assert.equal((await ask(at)).status, 200)
      const [toCanary, toOld] = [canary.requests - canaryBefore, old.requests - oldBefore]
      assert.equal(toCanary + toOld, 400)
      assert.ok(toCanary >= 24 && toCanary <= 64, `${toCanary} of 400 went to the canary`)
      await router.remove(key)
      await Promise.all([old.close(), canary.close()])
    })

    test('lets a drained backend finish: it counts until its last request has ended', async () => {
      const [at, key, old, fresh] = [site(), newKey(), await start(), await start()]
      await publish(key, at, [specOf(old), specOf(fresh, { weight: 0 })])
      await world.serve(at)
      await until(async () => (await ask({ ...at, path: '/quick' })).status === 200)
      const slow = ask({ ...at, path: '/slow' })
      await until(() => old.requests > 1)
      const drained = await router.put(key, specAt(at, [specOf(old, { drain: true }), specOf(fresh)]), at.name)
      assert.equal(backendIn(drained, old)?.accepting, false)
      assert.notEqual(backendIn(drained, old)?.inFlight, 0)
      const requestsBefore = old.requests
      assert.equal((await ask({ ...at, path: '/quick' })).text, 'quick')
      assert.equal(old.requests, requestsBefore)
      assert.equal((await slow).text, 'slow')
      await until(async () => backendIn(await now(key), old)?.inFlight === 0)
      await router.put(key, specAt(at, [specOf(fresh)]), at.name)
      assert.equal((await ask({ ...at, path: '/quick' })).text, 'quick')
      await router.remove(key)
      await Promise.all([old.close(), fresh.close()])
    })

    test('drops no request while backends are replaced one after the other', async () => {
      const [at, key] = [site(), newKey()]
      let [first, second] = [await start(), await start()]
      await publish(key, at, [specOf(first), specOf(second)])
      await world.serve(at)
      await until(async () => (await ask({ ...at, path: '/quick' })).status === 200)
      const kept = world.keepsConnections ? [startLoad(at.port, { quick: 4, upload: 2, stream: 2 })] : []
      const failures: string[] = []
      let [requests, isOver] = [0, false]
      const fresh = Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const path = index < 2 ? '/stream' : '/quick'
          while (!isOver) {
            requests += 1
            await ask({ ...at, path }).then(
              ({ status }) => status !== 200 && failures.push(`${path} ${status}`),
              (cause) => failures.push(`${path} ${cause}`),
            )
          }
        }),
      )
      for (let swap = 0; swap < 3; swap++) {
        const next = await start()
        await publish(key, at, [specOf(first), specOf(second), specOf(next, { weight: 0 })])
        await router.put(key, specAt(at, [specOf(first, { drain: true }), specOf(second), specOf(next)]), at.name)
        await until(async () => {
          const backend = backendIn(await now(key), first)
          return backend?.accepting === false && backend.inFlight === 0
        })
        await router.put(key, specAt(at, [specOf(second), specOf(next)]), at.name)
        await first.close()
        ;[first, second] = [second, next]
      }
      isOver = true
      await fresh
      for (const load of kept) {
        await load.stop()
        failures.push(...load.failures)
      }
      assert.deepEqual(failures, [])
      assert.ok(requests > 100, `only ${requests} requests`)
      await router.remove(key)
      await Promise.all([first.close(), second.close()])
    })

    test('takes out a backend that is unwell, and takes it back', async () => {
      const [at, key, steady] = [site(), newKey(), await start('steady')]
      let isWell = true
      const shaky = await startBackend((_req, res) => res.end('shaky'))
      const [respond] = shaky.server.listeners('request') as Array<(...args: unknown[]) => void>
      shaky.server.removeAllListeners('request')
      shaky.server.on('request', (req, res) => {
        if (isWell || req.url !== '/healthz') respond?.(req, res)
        else res.writeHead(503).end()
      })
      await publish(key, at, [specOf(steady), specOf(shaky)])
      await world.serve(at)
      const answersSoon = async () => {
        const got = await Promise.all(Array.from({ length: 12 }, async () => (await ask(at)).text))
        return [...new Set(got)].sort().join()
      }
      await until(async () => (await answersSoon()) === 'shaky,steady')
      isWell = false
      await until(async () => (await answersSoon()) === 'steady')
      assert.equal(backendIn(await now(key), shaky)?.state, 'unhealthy')
      isWell = true
      await until(async () => (await answersSoon()) === 'shaky,steady')
      await router.remove(key)
      await Promise.all([steady.close(), shaky.close()])
    })

    test('goes on without its agent, and the next one takes it over as it is', async () => {
      const [at, key, backend] = [site(), newKey(), await start('steady')]
      await publish(key, at, [specOf(backend)])
      await world.serve(at)
      await until(async () => (await ask(at)).text === 'steady')
      router.close()
      await sleep(50)
      assert.equal((await ask(at)).text, 'steady')
      router = world.connect()
      const taken = await router.put(key, specAt(at, [specOf(backend)]), at.name)
      assert.equal(backendIn(taken, backend)?.accepting, true)
      assert.equal((await ask(at)).text, 'steady')
      await router.remove(key)
      await backend.close()
    })
  })
}
