import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NotificationChannel, NotificationKind } from '../../src/model/index.ts'
import { createNotifier, type NotifierOptions } from '../../src/notifications/index.ts'
import { retryAfterMs } from '../../src/notifications/sender.ts'
import type { Clock, Notification } from '../../src/ports/index.ts'
import { blackHole, drip, nobody, type Receiver, receiver, status } from './receiver.ts'

const open: Receiver[] = []
const started = async (starting: Promise<Receiver>): Promise<Receiver> => {
  const one = await starting
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const clock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}

const kinds: NotificationKind[] = ['started', 'succeeded', 'failed', 'waiting']
const slack = (url: string): NotificationChannel => ({
  kind: 'slack',
  url: { value: url },
  on: kinds,
  environments: [],
})
const webhook = (url: string, secret: string | null = null): NotificationChannel => ({
  kind: 'webhook',
  url: { value: url },
  secret: secret === null ? null : { value: secret },
  on: kinds,
  environments: [],
})

const notification = (version: string, kind: NotificationKind = 'succeeded', environment = 'prod'): Notification => ({
  kind,
  project: 'shop',
  environment,
  version,
  commit: 'c0ffee'.padEnd(40, '0'),
  release: null,
  ref: 'refs/tags/v1',
  author: { name: 'Anna Ruiz', email: 'anna@example.com' },
  actor: { name: 'CI', email: 'ci@example.com' },
  reasons: [],
  step: null,
  logTail: [],
  plan: null,
  at: '2026-03-01T12:00:00.000Z',
  durationMs: 5000,
})

const quick = { requestTimeoutMs: 400, firstRetryMs: 10, longestRetryMs: 1500, flushMs: 20_000 }

function notifierTo(channels: NotificationChannel[], options: Partial<NotifierOptions> = {}) {
  return createNotifier({
    channels,
    resolveSecret: (reference) => ('value' in reference ? reference.value : null),
    clock,
    people: {},
    limits: quick,
    ...options,
  })
}

describe('telling people', () => {
  test('reaches every channel that wants the event, each in order', async () => {
    const [one, two] = [await started(receiver()), await started(receiver())]
    const onlyStage: NotificationChannel = { ...webhook(two.url), environments: ['stage'] }
    const notifier = notifierTo([webhook(one.url), onlyStage])
    for (let index = 0; index < 5; index += 1) notifier.send(notification(`v${index}`))
    notifier.send(notification('v5', 'yanked'))
    notifier.send(notification('v6', 'started', 'stage'))
    assert.deepEqual(await notifier.flush(), [])
    const versions = (from: Receiver) => from.received.map(({ body }) => JSON.parse(body).data.version)
    assert.deepEqual(versions(one), ['v0', 'v1', 'v2', 'v3', 'v4', 'v6'])
    assert.deepEqual(versions(two), ['v6'])
  })

  test('goes on after a flush', async () => {
    const one = await started(receiver())
    const notifier = notifierTo([webhook(one.url)])
    for (const version of ['v1', 'v2']) {
      notifier.send(notification(version))
      assert.deepEqual(await notifier.flush(), [])
    }
    assert.equal(one.received.length, 2)
  })

  test('tries again what may work later, under the same id, and not what is refused for good', async () => {
    const flaky = await started(receiver(status(500), status(429, { 'retry-after': '0' }), status(200)))
    const notifier = notifierTo([webhook(flaky.url)])
    notifier.send(notification('v1'))
    assert.deepEqual(await notifier.flush(), [])
    assert.equal(flaky.received.length, 3)
    assert.equal(new Set(flaky.received.map(({ headers }) => headers['webhook-id'])).size, 1)

    const refusing = await started(receiver(status(400, {}, 'invalid_payload')))
    const other = notifierTo([slack(refusing.url)])
    other.send(notification('v1'))
    assert.deepEqual(await other.flush(), [
      'the Slack channel was not told that v1 succeeded in prod: it answered 400 invalid_payload',
    ])
    assert.equal(refusing.received.length, 1)
  })

  test('waits as long as it is asked to, and gives up where that is too long', async () => {
    const busy = await started(receiver(status(429, { 'retry-after': '1' }), status(200)))
    const notifier = notifierTo([webhook(busy.url)])
    const before = performance.now()
    notifier.send(notification('v1'))
    assert.deepEqual(await notifier.flush(), [])
    assert.ok(performance.now() - before >= 990)

    const tooBusy = await started(receiver(status(429, { 'retry-after': '3600' })))
    const other = notifierTo([webhook(tooBusy.url)])
    other.send(notification('v1'))
    assert.deepEqual(await other.flush(), [
      'the webhook channel was not told that v1 succeeded in prod: it answered 429',
    ])
    assert.equal(retryAfterMs('Sun, 01 Mar 2026 12:00:30 GMT', Date.parse('2026-03-01T12:00:00Z')), 30_000)
    assert.equal(retryAfterMs('soon', 0), null)
  })

  test('follows no redirect', async () => {
    const elsewhere = await started(receiver())
    const moved = await started(receiver(status(302, { location: elsewhere.url })))
    const notifier = notifierTo([webhook(moved.url)])
    notifier.send(notification('v1'))
    assert.match((await notifier.flush()).join(), /it answered 302$/)
    assert.equal(elsewhere.received.length, 0)
  })
})

describe('a dead receiver', () => {
  const dead: Array<[name: string, open: () => Promise<string>, expected: RegExp]> = [
    ['that refuses connections', nobody, /: connection refused \(3 attempts\)$/],
    ['that never answers', async () => (await started(blackHole())).url, /: no answer within 0\.4 s \(3 attempts\)$/],
    [
      'that always answers 500',
      async () => (await started(receiver(status(500)))).url,
      /: it answered 500 \(3 attempts\)$/,
    ],
    [
      'that drips its refusal',
      async () => (await started(receiver(drip(500)))).url,
      /: it answered 500|: no answer within/,
    ],
  ]
  for (const [name, where, expected] of dead) {
    test(`${name} neither blocks nor throws, and its address stays secret`, async () => {
      const url = await where()
      const told: string[] = []
      const notifier = notifierTo([slack(url)], { onFailure: (sentence) => void told.push(sentence) })
      const before = performance.now()
      notifier.send(notification('v1'))
      assert.ok(performance.now() - before < 100)
      const failures = await notifier.flush()
      assert.equal(failures.length, 1)
      assert.match(failures[0] ?? '', expected)
      assert.doesNotMatch(failures.join(), /127\.0\.0\.1|SECRET|hook/)
      assert.deepEqual(told, failures)
      assert.deepEqual(await notifier.flush(), [])
    })
  }

  test('that takes the message and drips its answer has taken it', async () => {
    const dripping = await started(receiver(drip(200)))
    const notifier = notifierTo([slack(dripping.url)])
    notifier.send(notification('v1'))
    assert.deepEqual(await notifier.flush(), [])
  })

  test('holds a flush up no longer than its bound, and says how much was left', async () => {
    const { url } = await started(blackHole())
    const healthy = await started(receiver())
    const limits = { ...quick, requestTimeoutMs: 60_000, flushMs: 200 }
    const notifier = notifierTo([slack(url), webhook(healthy.url)], { limits })
    for (const version of ['v1', 'v2', 'v3']) notifier.send(notification(version))
    const before = performance.now()
    assert.deepEqual(await notifier.flush(), [
      'the Slack channel was not told that v1 succeeded in prod: time was up',
      'the Slack channel was not told of 2 events more: time was up',
    ])
    assert.ok(performance.now() - before < 10_000)
    assert.equal(healthy.received.length, 3)
  })

  test('lets no more wait than the queue holds: the oldest makes room', async () => {
    const { url } = await started(blackHole())
    const limits = { ...quick, attempts: 1, requestTimeoutMs: 100, queueLength: 2 }
    const notifier = notifierTo([slack(url)], { limits })
    for (let index = 0; index < 6; index += 1) notifier.send(notification(`v${index}`))
    const failures = (await notifier.flush()).join('\n')
    assert.match(
      failures,
      /v0 succeeded.*\n.*v4 succeeded.*\n.*v5 succeeded.*\n.*not told of 3 events: too many were waiting/,
    )
  })
})

describe('a channel without its secret', () => {
  test('is told nothing, which is said once', async () => {
    const channel: NotificationChannel = { kind: 'slack', url: { from: 'SLACK_WEBHOOK' }, on: kinds, environments: [] }
    const notifier = notifierTo([channel])
    notifier.send(notification('v1'))
    notifier.send(notification('v2'))
    assert.deepEqual(await notifier.flush(), ['the Slack channel is told nothing: SLACK_WEBHOOK is not set'])
    notifier.send(notification('v3'))
    assert.deepEqual(await notifier.flush(), [])
  })

  test('is not told without a signature where it names one', async () => {
    const one = await started(receiver())
    const channel: NotificationChannel = {
      kind: 'webhook',
      url: { value: one.url },
      secret: { from: 'HOOK_SECRET' },
      on: kinds,
      environments: [],
    }
    const notifier = notifierTo([channel])
    notifier.send(notification('v1'))
    assert.deepEqual(await notifier.flush(), ['the webhook channel is told nothing: HOOK_SECRET is not set'])
    assert.equal(one.received.length, 0)
  })

  test('or with one that is no URL says so without showing it', async () => {
    const notifier = notifierTo([slack('file:///etc/passwd'), slack('T0SECRET')])
    notifier.send(notification('v1'))
    assert.deepEqual(await notifier.flush(), [
      'Slack channel 1 is told nothing: its address is no http or https URL',
      'Slack channel 2 is told nothing: its address is no http or https URL',
    ])
  })
})

type DocumentedReceiver = { isAuthentic(headers: object, body: string, secret: string): boolean }

/** The example of docs/notifications.md, as it stands there. */
async function documentedReceiver(): Promise<DocumentedReceiver> {
  const page = await readFile(join(import.meta.dirname, '../../docs/notifications.md'), 'utf8')
  const [, code = ''] = page.match(/```js\n([\s\S]*?)```/) ?? []
  // A module of ours, read from a text: its shape is what the test asserts.
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as DocumentedReceiver
}

describe('a webhook', () => {
  test('is signed so that the receiver in the documentation accepts it', async () => {
    const key = Buffer.from('a key of at least 24 bytes long')
    const one = await started(receiver())
    const notifier = notifierTo([webhook(one.url, `whsec_${key.toString('base64')}`)])
    notifier.send(notification('v1', 'waiting'))
    assert.deepEqual(await notifier.flush(), [])
    const [{ headers, body } = { headers: {}, body: '' }] = one.received
    const secret = `whsec_${key.toString('base64')}`
    const { isAuthentic } = await documentedReceiver()
    assert.equal(isAuthentic(headers, body, secret), true)
    assert.equal(isAuthentic(headers, `${body} `, secret), false)
    assert.equal(isAuthentic(headers, body, 'another'), false)
    assert.equal(isAuthentic({ ...headers, 'webhook-timestamp': '1' }, body, secret), false)
    assert.match(String(headers['webhook-id']), /^msg_[0-9a-f]{32}$/)
    const { version, type, timestamp: at, data } = JSON.parse(body)
    assert.deepEqual({ version, type, at }, { version: 1, type: 'deployment.waiting', at: '2026-03-01T12:00:00.000Z' })
    assert.equal(data.environment, 'prod')
  })

  test('takes a plain secret as it stands, and has no signature without one', async () => {
    const one = await started(receiver())
    const notifier = notifierTo([webhook(one.url, 'plain'), webhook(one.url)])
    notifier.send(notification('v1'))
    await notifier.flush()
    const signatures = one.received.map(({ headers, body }) => {
      const expected = createHmac('sha256', 'plain')
        .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
        .digest('base64')
      const { 'webhook-signature': signature } = headers
      return signature === undefined ? 'none' : signature === `v1,${expected}` ? 'right' : 'wrong'
    })
    assert.deepEqual(signatures.sort(), ['none', 'right'])
  })
})
