import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Server, serve } from '../../shared/serve.ts'
import { answer } from '../src/pages.ts'

let server: Server
before(async () => {
  server = await serve({ answer, port: 0, host: '127.0.0.1' })
})
after(() => server.stop())

test('the guide is a page', async () => {
  const guide = await fetch(`${server.url}/guide`)
  assert.equal(guide.status, 200)
  assert.match(await guide.text(), /Every euro/)
})

test('Apple and Google find what opens the app', async () => {
  const apple = await (await fetch(`${server.url}/.well-known/apple-app-site-association`)).json()
  assert.match(JSON.stringify(apple), /kitchen\.loyalty\.app/)
  const google = await fetch(`${server.url}/.well-known/assetlinks.json`)
  assert.equal(google.headers.get('content-type'), 'application/json')
})

test('what is not there is not found, and nothing can be written', async () => {
  assert.equal((await fetch(`${server.url}/nothing`)).status, 404)
  assert.equal((await fetch(server.url, { method: 'POST', body: 'x' })).status, 405)
})
