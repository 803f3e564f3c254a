/** What reaches the agent without being a controller: refused with a word, nothing of it kept, and the agent goes on. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Digest } from '../../src/model/index.ts'
import { createAgentClient, localConnection } from '../../src/targets/fleet/agent/client.ts'
import { webApplication } from '../targets/applications.ts'
import { type FleetUnderTest, openFleet } from '../targets/fleet/fleet-under-test.ts'
import { requestFor } from '../targets/requests.ts'

const soon = () => AbortSignal.timeout(60_000)
const secret = 'never-on-a-command-line-9f2c'
const scope = { project: 'shop', environment: 'stage' }

const onLinux = { skip: process.platform === 'linux' ? false : 'it looks into /proc' }

describe('an agent', onLinux, () => {
  let fleet: FleetUnderTest
  let pid = 0
  let artifact: Digest
  before(async () => {
    fleet = await openFleet(1)
    artifact = await fleet.bundle(webApplication('1'))
    const request = requestFor('worker', artifact)
    assert.deepEqual(await fleet.target.ensure(request, fleet.context()), { ok: true })
    pid = await fleet.agentPid()
  })
  after(() => fleet.close())

  /** Bytes as they are; answers everything that comes until the connection ends. */
  function raw(...pieces: Array<string | Buffer>): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(fleet.paths.socket)
      let got = ''
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.once('close', () => resolve(got))
      for (const piece of pieces) socket.write(piece)
    })
  }
  const post = (operation: string, body: string | Buffer, length = Buffer.byteLength(body)) =>
    // At once: who is refused by the name of the operation alone is answered before a body that comes later.
    raw(
      Buffer.concat([
        Buffer.from(`POST /${operation} HTTP/1.1\r\nhost: agent\r\ncontent-length: ${length}\r\n\r\n`),
        Buffer.from(body),
      ]),
    )
  const anyJob = (key: string) => ({
    ...{ key, name: 'x', service: 'x', artifact, command: 'true', timeoutMs: 60_000 },
    ...{ env: {}, secrets: [] as string[] },
  })
  const residentBytes = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
  const files = () => readdirSync(fleet.paths.root, { recursive: true }).length

  test('refuses what it does not know and what is out of form, each with a sentence', async () => {
    const client = createAgentClient(localConnection(fleet.paths.socket))
    const before = files()
    const deep = '['.repeat(1_000_000)
    const refused: Array<[string, string]> = [
      ['nothing', '{}'],
      ['__proto__', '{}'],
      ['toString', '{}'],
      ['observe/../shutdown', '{}'],
      ['observe', deep],
      ['observe', `${deep}${']'.repeat(1_000_000)}`],
      ['observe', `${'{"scope":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
      ['observe', '{"scope":{"project":"shop","environment":"stage","__proto__":{}},"x":1}'],
      ['observe', JSON.stringify({ scope: { project: '\ud800', environment: 'stage' } })],
      ['logs', JSON.stringify({ scope, service: 'x', instance: null, lines: 1e9, cursor: null, waitMs: 0 })],
      ['logs', JSON.stringify({ scope, service: 'x', instance: null, lines: 1, cursor: { '../../x': -1 }, waitMs: 0 })],
      ['removeProject', '{"project":""}'],
    ]
    for (const [operation, body] of refused) {
      const answered = await post(operation, body)
      assert.match(answered, /^HTTP\/1\.1 409 /, `${operation} ${body.slice(0, 60)}: ${answered.slice(0, 300)}`)
      assert.match(answered, /"kind":"usage","code":"(?:BAD_REQUEST|UNKNOWN_OPERATION)"/)
    }
    for (const digest of ['../../../etc/passwd', '..%2f..%2fx', 'sha256:..', `sha256:${'A'.repeat(64)}`, '']) {
      const answered = await raw(`PUT /blobs/${digest} HTTP/1.1\r\nhost: agent\r\ncontent-length: 1\r\n\r\nx`)
      assert.match(answered, /^HTTP\/1\.1 409 .*"code":"(?:BAD_REQUEST|UNKNOWN_OPERATION)"/s, digest)
    }
    assert.equal(files(), before)
    assert.equal((await client.call('describe', {}, soon())).pid, pid)
  })

  test('reads no more of a request than it can hold, and waits for none that does not come', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    const before = residentBytes()
    const whole = await post('observe', Buffer.concat(Array.from({ length: 24 }, () => chunk)), 300 * chunk.length)
    assert.ok(whole === '' || /409[\s\S]*too large/.test(whole), whole.slice(0, 200))
    for (const noise of [
      '\0\0\0\0\r\n\r\n',
      'GET',
      'POST /observe HTTP/1.1\r\ncontent-length: 9\r\ncontent-length: 8\r\n\r\n',
    ]) {
      const socket = connect(fleet.paths.socket)
      socket.on('error', () => {})
      socket.end(noise)
      await new Promise((resolve) => socket.resume().once('close', resolve))
    }
    assert.match(
      await raw(`POST /observe HTTP/1.1\r\nhost: agent\r\nx: ${'y'.repeat(1_000_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431|^$/,
    )
    assert.equal(await fleet.agentPid(), pid)
    assert.ok(residentBytes() - before < 200 * 1024 * 1024, `${residentBytes() - before} bytes`)
  })

  test('answers controllers beside callers that send half a request and wait', async () => {
    const halves = [
      'POST /obs',
      'POST /observe HTTP/1.1\r\nhost: agent\r\nx-slow: ',
      'POST /observe HTTP/1.1\r\nhost: agent\r\ncontent-length: 1000\r\n\r\n{"project":',
      `PUT /blobs/${artifact} HTTP/1.1\r\nhost: agent\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbe`,
    ]
    const sockets = Array.from({ length: 200 }, (_, at) => {
      const socket = connect(fleet.paths.socket)
      socket.on('error', () => {})
      socket.write(halves[at % halves.length] ?? '')
      return socket
    })
    const trickle = setInterval(() => {
      for (const [at, socket] of sockets.entries()) if (at % 4 === 1) socket.write('y')
    }, 20)
    try {
      for (let count = 0; count < 5; count++) assert.equal(await fleet.agentPid(), pid)
      const request = requestFor('worker', artifact)
      assert.deepEqual(await fleet.target.ensure(request, fleet.context()), { ok: true })
    } finally {
      clearInterval(trickle)
      for (const socket of sockets) socket.destroy()
    }
  })

  test('names with dots and slashes stay in its folders, and a log cursor that lies shows nothing of other files', async () => {
    const client = createAgentClient(localConnection(fleet.paths.socket))
    const odd = { project: '../../..', environment: '/etc' }
    const { services } = await client.call('observe', { scope: odd }, soon())
    assert.deepEqual(services, [])
    const job = { ...anyJob('../../../x'), service: '../x', command: 'echo here; pwd' }
    await client.call('startJob', { scope: odd, epoch: 1, job }, soon())
    let outcome = await client.call('job', { scope: odd, key: job.key, offset: 0, waitMs: 20_000 }, soon())
    while (outcome.outcome.kind === 'running')
      outcome = await client.call('job', { scope: odd, key: job.key, offset: 0, waitMs: 20_000 }, soon())
    assert.equal(outcome.outcome.kind, 'ended')
    assert.ok(outcome.lines.join().includes(fleet.paths.artifacts))
    assert.deepEqual(
      readdirSync(join(fleet.paths.root, '..')).filter((name) => name === 'x'),
      [],
    )
    const cursor = { '../../agent.log': 0, 'x.stdout': 9e15 }
    const query = { scope, service: 'worker', instance: null, lines: 10, cursor, waitMs: 0 }
    const { lines } = await client.call('logs', query, soon())
    assert.ok(lines.every(({ instance }) => instance.startsWith('worker-')))
    assert.ok(!lines.some(({ text }) => text.includes('agent')))
  })

  test('what no process can be given is refused before anything is written', async () => {
    const client = createAgentClient(localConnection(fleet.paths.socket))
    for (const change of [{ command: 'echo \0' }, { env: { A: 'a\0b' } }, { env: { 'A=B': 'x' } }]) {
      const job = { ...anyJob(JSON.stringify(change)), ...change }
      await assert.rejects(client.call('startJob', { scope, epoch: 1, job }, soon()), { code: 'BAD_REQUEST' })
    }
    assert.equal(await fleet.agentPid(), pid)
    assert.equal((await client.call('describe', {}, soon())).pid, pid)
  })

  test('hands secrets over where no other user looks: not on a command line', async () => {
    const client = createAgentClient(localConnection(fleet.paths.socket))
    const job = { ...anyJob('secret'), command: 'sleep 30', env: { TOKEN: secret }, secrets: ['TOKEN'] }
    await client.call('startJob', { scope, epoch: 1, job }, soon())
    const lines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => {
        try {
          return readFileSync(`/proc/${name}/cmdline`, 'latin1')
        } catch {
          return ''
        }
      })
    assert.ok(
      lines.some((line) => line.includes('sleep 30')),
      'it looked at the right processes',
    )
    assert.ok(!lines.some((line) => line.includes(secret)))
    await client.call('stopJob', { scope, epoch: 1, key: 'secret' }, soon())
  })
})
