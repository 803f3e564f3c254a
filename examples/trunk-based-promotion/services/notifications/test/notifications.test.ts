import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type PlacedOrder, parseLetter, startService } from '@orders/common'
import { letterFor } from '../src/letter.ts'
import { notificationRoutes } from '../src/routes.ts'

const placed: PlacedOrder = {
  order: 'o-1',
  email: 'ada@example.com',
  language: 'en',
  lines: ['2 × Rye loaf'],
  totalCents: 980,
}

async function serve(context: TestContext, maxLetterLength = 1000) {
  const sent: string[] = []
  const send = async (id: string) => void sent.push(id)
  const service = await startService(notificationRoutes({ maxLetterLength, send }), () => {}, {
    port: 0,
    host: '127.0.0.1',
  })
  context.after(() => service.stop())
  const put = (body: object) => fetch(`${service.url}/notifications/o-1`, { method: 'PUT', body: JSON.stringify(body) })
  return { put, sent }
}

test('a letter speaks the language of its reader', () => {
  assert.equal(letterFor(placed).subject, 'Your order o-1')
  assert.match(letterFor(placed).text, /2 × Rye loaf[\s\S]*Total: €9\.80/)
  assert.match(letterFor({ ...placed, language: 'de' }).text, /Summe: 9,80\s€/)
})

test('what a neighbour is answered keeps to the contract', async (context) => {
  const { put, sent } = await serve(context)
  const answer = await put(placed)
  assert.equal(answer.status, 201)
  assert.deepEqual(parseLetter(await answer.json()), { id: 'o-1', to: placed.email, subject: 'Your order o-1' })
  assert.deepEqual(sent, ['o-1'])
})

test('what is no placed order, or makes too long a letter, is refused and not sent', async (context) => {
  const { put, sent } = await serve(context, 100)
  assert.equal((await put({ ...placed, totalCents: 'much' })).status, 422)
  assert.equal((await put({ ...placed, lines: ['bread', 'more bread', 'even more bread '.repeat(10)] })).status, 413)
  assert.deepEqual(sent, [])
})
