/** Receivers of notifications that lie: a delivery neither waits for them, nor fails, nor tells them or anybody more. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { systemClock } from '../../src/clock/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import type { NotificationChannel } from '../../src/model/index.ts'
import { createNotifier } from '../../src/notifications/index.ts'
import type { Notification } from '../../src/ports/index.ts'
import { openProject } from '../system/project-under-test.ts'
import { smallShop } from '../system/small-shop.ts'

const notification: Notification = {
  ...{ kind: 'succeeded', project: 'shop', environment: 'prod', version: 'v1', commit: null, release: null },
  ...{ ref: null, author: null, actor: { name: 'CI', email: 'ci@example.com' }, reasons: [], step: null, logTail: [] },
  ...{ plan: null, at: '2026-03-01T12:00:00.000Z', durationMs: null },
}

/** Answers every connection with these bytes, again and again where they are to have no end. */
async function liar(
  t: TestContext,
  bytes: string,
  isEndless = false,
): Promise<{ port: number; sent(): number; calls(): number }> {
  const sockets = new Set<Socket>()
  let sent = 0
  let calls = 0
  const more = Buffer.alloc(256 * 1024, 'x')
  const server = createServer((socket) => {
    calls += 1
    sockets.add(socket.on('error', () => {}))
    const pour = () => {
      while (!socket.destroyed && socket.write(more)) sent += more.length
    }
    socket.once('data', () => {
      if (!isEndless) return void socket.end(bytes)
      socket.write(bytes)
      socket.on('drain', pour)
      pour()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  // A server that listens on TCP has an address of this form.
  return { port: (server.address() as AddressInfo).port, sent: () => sent, calls: () => calls }
}

const webhook = (url: string): NotificationChannel => ({
  ...{ kind: 'webhook', url: { value: url }, secret: { value: 'signing-secret' } },
  ...{ on: ['succeeded'], environments: [] },
})

async function told(url: string): Promise<string[]> {
  const notifier = createNotifier({
    ...{ channels: [webhook(url)], clock: systemClock, people: {} },
    resolveSecret: (reference) => ('value' in reference ? reference.value : null),
    limits: { requestTimeoutMs: 1000, attempts: 2, firstRetryMs: 10 },
  })
  notifier.send(notification)
  return await notifier.flush()
}

describe('a receiver', () => {
  const endless: Record<string, [head: string, expected: RegExp]> = {
    'takes it and answers gigabytes': ['HTTP/1.1 200 OK\r\n\r\n', /^$/],
    'refuses it with gigabytes': ['HTTP/1.1 500 No\r\n\r\n', /it answered 500 \(2 attempts\)$/],
    'answers headers without end': ['HTTP/1.1 200 OK\r\nx: ', /HPE_HEADER_OVERFLOW|no answer within/],
    'answers a status line without end': ['HTTP/1.1 200 ', /HPE_|no answer within/],
  }
  for (const [name, [head, expected]] of Object.entries(endless)) {
    test(`that ${name} is not read on`, async (t) => {
      const { port, sent } = await liar(t, head, true)
      const failures = await told(`http://127.0.0.1:${port}/hook/SECRET`)
      assert.match(failures.join(), expected)
      assert.doesNotMatch(failures.join(), /SECRET|127\.0\.0\.1|signing/)
      assert.ok(sent() < 64 * 1024 * 1024, `${sent()} bytes`)
    })
  }

  test('that leads elsewhere, to a file or into this machine, is not followed', async (t) => {
    const inside = await liar(t, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    for (const status of [301, 302, 303, 307, 308]) {
      for (const to of ['file:///etc/passwd', `http://127.0.0.1:${inside.port}/admin`, `//127.0.0.1:${inside.port}/`]) {
        const { port, calls } = await liar(t, `HTTP/1.1 ${status} Go\r\nlocation: ${to}\r\ncontent-length: 0\r\n\r\n`)
        assert.match((await told(`http://127.0.0.1:${port}/`)).join(), new RegExp(`it answered ${status}$`))
        assert.equal(calls(), 1)
      }
    }
    assert.equal(inside.calls(), 0)
  })

  test('whose TLS is none is told nothing', async (t) => {
    const { port } = await liar(t, 'HTTP/1.1 200 OK\r\n\r\n')
    assert.match((await told(`https://127.0.0.1:${port}/SECRET`)).join(), /v1 succeeded in prod: (?!.*SECRET)/)
  })

  test('whose certificate nobody vouches for is told nothing', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-certificate-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const words = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
    ]
    const made = spawnSync('openssl', [...words, '-keyout', key, '-out', cert])
    if (made.error !== undefined && !process.env['CI']) return t.skip('openssl is not installed')
    assert.equal(made.status, 0, String(made.stderr))
    let requests = 0
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, answer) => {
      requests += 1
      answer.end()
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    // A server that listens on TCP has an address of this form.
    const { port } = server.address() as AddressInfo
    assert.match((await told(`https://localhost:${port}/`)).join(), /DEPTH_ZERO_SELF_SIGNED_CERT/)
    assert.equal(requests, 0)
  })
})

test('a delivery that none of its receivers takes succeeds, says so, and shows no address', async (t) => {
  const gigabytes = await liar(t, 'HTTP/1.1 404 No\r\n\r\n', true)
  const elsewhere = await liar(t, 'HTTP/1.1 302 Go\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n')
  const urls = {
    SLACK_URL: `http://127.0.0.1:${gigabytes.port}/T0SECRET`,
    HOOK_URL: `http://127.0.0.1:${elsewhere.port}/T0SECRET`,
  }
  const notify = [{ slack: { webhook: { from: 'SLACK_URL' } } }, { webhook: { url: { from: 'HOOK_URL' } } }]
  await using project = await openProject({ files: smallShop({ notify }), environment: urls })
  const ended = await project.trunkline(['deliver', '--ref', 'main', '--json'], { timeoutMs: 120_000 })
  assert.equal(ended.exitCode, 0, ended.stdout + ended.stderr)
  // Printed by the program under test.
  assert.equal((JSON.parse(ended.stdout) as DeliveryResult).outcome, 'succeeded')
  assert.ok(gigabytes.calls() > 0 && elsewhere.calls() > 0, 'they were told')
  assert.doesNotMatch(ended.stdout + ended.stderr, /T0SECRET/)
})
