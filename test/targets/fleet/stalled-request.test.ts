import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { cutWhenStalled } from '../../../src/targets/fleet/agent/stalled-request.ts'

/** A server that answers after `answerMs`, once it has the whole request. */
async function serverWith({ stallMs, answerMs }: { stallMs: number; answerMs: number }) {
  const server = createServer(async (request, response) => {
    cutWhenStalled(request, stallMs)
    try {
      await request.toArray()
      await sleep(answerMs)
      response.end('whole')
    } catch {
      // Cut off: there is nobody to answer.
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port } // a bound TCP server has an address of this form
}

const half = 'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20\r\n\r\n0123456789'

test('a request of which nothing more comes is cut off', async () => {
  const { server, port } = await serverWith({ stallMs: 200, answerMs: 0 })
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  client.resume().write(half)
  await once(client, 'close')
  server.close()
})

test('one that has come as a whole may be answered as late as it takes', async () => {
  const { server, port } = await serverWith({ stallMs: 50, answerMs: 1000 })
  const client = connect(port, '127.0.0.1')
  let got = ''
  client.on('data', (chunk) => {
    got += chunk
  })
  client.write(`${half}0123456789`)
  await once(client, 'close')
  assert.match(got, /whole/)
  server.close()
})
