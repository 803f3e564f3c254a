/** Clients that trickle their headers hold a connection for a time only: 30 s, here a part of that. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'
import { requestHeadersTimeoutMs } from '../../../../src/targets/fleet/router/limits.ts'
import { createPublicServer } from '../../../../src/targets/fleet/router/listener.ts'

test('a client whose headers never end is told 408 and cut off, however steadily it writes', async () => {
  const server = createPublicServer({ headersTimeoutMs: 400, checkMs: 100 })
  let requests = 0
  server.on('request', (_, answer) => {
    requests += 1
    answer.end('answered')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a bound TCP server has one of this form
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  let told = ''
  client.setEncoding('latin1').on('data', (text: string) => {
    told += text
  })
  client.write('GET / HTTP/1.1\r\nhost: x\r\nx-slow: ')
  const trickle = setInterval(() => client.write('y'), 20)
  try {
    await once(client, 'close')
    assert.match(told, /^HTTP\/1\.1 408 /)
    assert.equal(requests, 0)
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'answered')
  } finally {
    clearInterval(trickle)
    client.destroy()
    server.closeAllConnections()
    server.close()
  }
})

test('without a word about it the limit is 30 s', () => {
  const server = createPublicServer()
  assert.equal(requestHeadersTimeoutMs, 30_000)
  assert.equal(server.headersTimeout, requestHeadersTimeoutMs)
  server.close()
})
