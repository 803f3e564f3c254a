import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probe } from '../src/probe.ts'
import { startServer } from '../src/server.ts'
import { readSettings } from '../src/settings.ts'
import { createVisits } from '../src/visits.ts'

const settings = (change: Record<string, string> = {}) => readSettings({ PORT: '0', RELEASE: 'd-1', ...change })

test('the page says who answers, with what, and counts', async () => {
  const server = await startServer(settings({ RELEASE: '<d-1>' }), createVisits(null))
  try {
    await fetch(server.url)
    const text = await (await fetch(server.url)).text()
    assert.match(text, /with release &lt;d-1&gt;/)
    assert.match(text, /You are visitor 2\./)
    assert.equal((await fetch(`${server.url}dodo`)).status, 404)
    assert.equal((await fetch(server.url, { method: 'DELETE' })).status, 405)
    assert.equal(await (await fetch(server.url, { method: 'HEAD' })).text(), '')
  } finally {
    await server.stop()
  }
})

test('a probe waits for its own release, and says what it saw instead', async () => {
  const server = await startServer(settings(), createVisits(null))
  const health = `${server.url}healthz`
  try {
    assert.equal(await probe(health, 'd-1'), null)
    assert.match((await probe(health, 'd-2', 300)) ?? '', /is release d-1, not d-2/)
  } finally {
    await server.stop()
  }
  assert.match((await probe(health, 'd-1', 300)) ?? '', /does not answer/)
})

test('a request that has begun is answered though the server stops', async () => {
  let letGo = (): void => {}
  let begun = (): void => {}
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const slow = {
    count() {
      begun()
      return new Promise<number>((resolve) => {
        letGo = () => resolve(7)
      })
    },
    close() {},
  }
  const server = await startServer(settings(), slow)
  const asked = fetch(server.url)
  await hasBegun
  const stopped = server.stop()
  letGo()
  assert.match(await (await asked).text(), /visitor 7/)
  await stopped
})
