import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  createClient,
  createLogger,
  HttpError,
  integer,
  jsonAnswer,
  object,
  type Route,
  route,
  startService,
  text,
} from '../src/index.ts'

/** A running service with these routes, and a client of it; both end with the test. */
async function serving(context: TestContext, routes: Route[], { timeoutMs = 5000 } = {}) {
  const service = await startService({ routes, logger: createLogger('test', () => {}), port: 0 })
  const client = createClient({ name: 'neighbour', url: service.url, timeoutMs })
  context.after(async () => {
    client.close()
    await service.stop()
  })
  return { service, client }
}

/** A promise for the test to keep. */
function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((keep) => {
    resolve = keep
  })
  return { promise, resolve }
}

test('a handler is given the parts of the path, decoded', async (context) => {
  const { client } = await serving(context, [
    route('GET /carts/:cart/items/:item', ({ params }) => jsonAnswer({ both: `${params.cart} ${params.item}` })),
  ])
  assert.deepEqual(await client.get('/carts/a%2Fb/items/c', object({ both: text() })), { both: 'a/b c' })
})

test('a body of another shape is refused, and the answer says where it is wrong', async (context) => {
  const shape = object({ count: integer({ max: 5 }) })
  const { client } = await serving(context, [
    route('PUT /count', async (request) => jsonAnswer(await request.json(shape))),
  ])
  assert.deepEqual(await client.put('/count', { count: 5 }, shape), { count: 5 })
  await assert.rejects(
    client.put('/count', { count: 6 }, shape),
    (error) => error instanceof HttpError && error.status === 422 && error.field === 'count',
  )
})

test('what goes wrong inside is not told outside', async (context) => {
  const { service } = await serving(context, [
    route('GET /', () => {
      throw new Error('the password is 1234')
    }),
  ])
  const answer = await fetch(service.url)
  assert.equal(answer.status, 500)
  assert.doesNotMatch(await answer.text(), /1234/)
})

test('a path known for another method answers 405, an unknown path 404, the health endpoint 200', async (context) => {
  const { service } = await serving(context, [route('GET /things', () => jsonAnswer([]))])
  const statusOf = async (path: string, method = 'GET') => (await fetch(new URL(path, service.url), { method })).status
  assert.equal(await statusOf('/things', 'DELETE'), 405)
  assert.equal(await statusOf('/nothing'), 404)
  assert.equal(await statusOf('/healthz'), 200)
})

test('a service that stops answers what it was asked before, and takes no new connection', async (context) => {
  const begun = deferred()
  const released = deferred()
  const { service, client } = await serving(context, [
    route('GET /slow', async () => {
      begun.resolve()
      await released.promise
      return jsonAnswer({ done: 1 })
    }),
  ])
  const slow = client.get('/slow', object({ done: integer() }))
  await begun.promise
  const stopped = service.stop()
  await assert.rejects(fetch(service.url))
  released.resolve()
  assert.deepEqual(await slow, { done: 1 })
  await stopped
})

test('a client gives up on a service that does not answer, and names it', async (context) => {
  const released = deferred()
  const { client } = await serving(context, [route('GET /', () => released.promise.then(() => jsonAnswer({})))], {
    timeoutMs: 50,
  })
  await assert.rejects(
    client.get('/', object({})),
    (error) => error instanceof HttpError && error.status === 504 && /neighbour/.test(error.message),
  )
  released.resolve()
})

test("an error of a service reaches the caller's caller with its code and field", async (context) => {
  const { client } = await serving(context, [
    route('PUT /charge', () => {
      throw new HttpError(422, 'card-declined', 'The bank declined this card.', { field: 'card.number' })
    }),
  ])
  await assert.rejects(client.put('/charge', {}, object({})), {
    status: 422,
    code: 'card-declined',
    field: 'card.number',
  })
})
