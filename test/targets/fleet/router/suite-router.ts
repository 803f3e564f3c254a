/** One router for all tests of a file, and backends that are closed when they have passed. */
import type { RequestListener } from 'node:http'
import { after, before } from 'node:test'
import {
  newKey,
  publish,
  serviceOf,
  specOf,
  startBackend,
  startRouter,
  type TestBackend,
  type TestRouter,
} from './router-process.ts'

export type SuiteRouter = {
  /** The router, once the suite has begun. */
  readonly router: TestRouter
  /** A backend that is closed with the suite. */
  backend(handler: RequestListener): Promise<TestBackend>
  /** A service with one backend. */
  serving(handler: RequestListener): Promise<{ port: number; key: string; backend: TestBackend }>
}

export function suiteRouter(): SuiteRouter {
  let router: TestRouter | null = null
  const running: TestBackend[] = []
  before(async () => {
    router = await startRouter()
  })
  after(async () => {
    await router?.dispose()
    await Promise.all(running.map((backend) => backend.close()))
  })
  const suite: SuiteRouter = {
    get router() {
      if (router === null) throw new Error('the router is there once the suite has begun')
      return router
    },
    async backend(handler) {
      const backend = await startBackend(handler)
      running.push(backend)
      return backend
    },
    async serving(handler) {
      const backend = await suite.backend(handler)
      const key = newKey()
      return { key, backend, port: await publish(suite.router, key, serviceOf([specOf(backend)])) }
    },
  }
  return suite
}
