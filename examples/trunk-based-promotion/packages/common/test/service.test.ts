import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { HttpError, type Route, startService } from '../src/index.ts'

async function serve(context: TestContext, route: Partial<Route> & Pick<Route, 'handle'>) {
  const service = await startService([{ method: 'PUT', path: '/things/:id', ...route }], () => {}, {
    port: 0,
    host: '127.0.0.1',
  })
  context.after(() => service.stop())
  return service
}

test('a route is told its id and its body', async (context) => {
  const { url } = await serve(context, { handle: (id, body) => ({ status: 201, body: { id, body } }) })
  const answer = await fetch(`${url}/things/a-1`, { method: 'PUT', body: '{"x":1}' })
  assert.equal(answer.status, 201)
  assert.deepEqual(await answer.json(), { id: 'a-1', body: { x: 1 } })
})

test('a refusal is told, a mistake of ours is not', async (context) => {
  const { url } = await serve(context, {
    handle(id) {
      if (id === 'refused') throw new HttpError(409, 'taken', 'somebody has it')
      throw new Error('the password is …')
    },
  })
  const refused = await fetch(`${url}/things/refused`, { method: 'PUT', body: '{}' })
  assert.equal(refused.status, 409)
  assert.deepEqual(await refused.json(), { code: 'taken', message: 'somebody has it' })
  const failed = await fetch(`${url}/things/other`, { method: 'PUT', body: '{}' })
  assert.equal(failed.status, 500)
  assert.doesNotMatch(await failed.text(), /password/)
})

test('what is no JSON, too large, or nowhere gets an answer that says so', async (context) => {
  const { url } = await serve(context, { handle: () => ({ status: 200, body: {} }) })
  assert.equal((await fetch(`${url}/things/1`, { method: 'PUT', body: 'no' })).status, 400)
  assert.equal((await fetch(`${url}/things/1`, { method: 'PUT', body: 'x'.repeat(70_000) })).status, 413)
  assert.equal((await fetch(`${url}/nothing`)).status, 404)
})

test('a stop lets a running request finish', async (context) => {
  let begun = () => {}
  const isRunning = new Promise<void>((resolve) => {
    begun = resolve
  })
  let finish = () => {}
  const mayFinish = new Promise<void>((resolve) => {
    finish = resolve
  })
  const service = await serve(context, {
    method: 'GET',
    path: '/slow',
    async handle() {
      begun()
      await mayFinish
      return { status: 200, body: 'done' }
    },
  })
  const answer = fetch(`${service.url}/slow`)
  await isRunning
  const stopped = service.stop()
  finish()
  assert.equal(await (await answer).json(), 'done')
  await stopped
})
