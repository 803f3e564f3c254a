import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type NotificationKind, type Person, reason } from '../../src/model/index.ts'
import { slackMessage } from '../../src/notifications/slack/message.ts'
import type { Notification } from '../../src/ports/index.ts'

const base: Notification = {
  kind: 'failed',
  project: 'shop',
  environment: 'stage',
  version: 'v1.2.0',
  commit: 'c0ffee'.padEnd(40, '0'),
  release: null,
  ref: 'refs/tags/v1.2.0',
  author: { name: 'Anna <Ruiz>', email: 'Anna@example.com' },
  actor: { name: 'CI', email: 'ci@example.com' },
  reasons: [reason('verification-failed', 'GET /checkout answered 500 & not <200>')],
  step: 'stage/verify:checkout works',
  logTail: ['first', '``` *bold* <!channel>', '\u001b[31mlast\u001b[0m'],
  plan: null,
  at: '2026-03-01T12:00:00.000Z',
  durationMs: 65_000,
}
const anna: Person = { email: 'anna@example.com', name: null, ssh: [], slack: 'U0ANNA' }

const texts = (notification: Notification, people: Person[] = []): string[] =>
  slackMessage(notification, people).blocks.map((block) =>
    block.type === 'section' ? block.text.text : (block.elements[0]?.text ?? ''),
  )

describe('a Slack message', () => {
  test('about a failure names the step, the reason, the end of the log and the author', () => {
    assert.deepEqual(texts(base), [
      ':x: *v1.2.0 failed in stage at stage/verify:checkout works*',
      '• GET /checkout answered 500 &amp; not &lt;200&gt;',
      "`stage/verify:checkout works`\n```\nfirst\n''' *bold* &lt;!channel&gt;\nlast\n```",
      'shop · `c0ffee000000` · `v1.2.0` · by Anna &lt;Ruiz&gt; · started by CI · after 1 min 5 s',
    ])
    assert.equal(slackMessage(base, []).text, 'shop: v1.2.0 failed in stage at stage/verify:checkout works')
  })

  test('mentions the author where people know the Slack id, and nothing that is no id', () => {
    assert.match(texts(base, [anna]).at(-1) ?? '', /by <@U0ANNA> ·/)
    assert.match(texts(base, [{ ...anna, slack: '!channel' }]).at(-1) ?? '', /by Anna &lt;Ruiz&gt; ·/)
  })

  test('about a waiting deployment brings the exact command and the plan', () => {
    const waiting: Notification = {
      ...base,
      kind: 'waiting',
      step: null,
      logTail: [],
      plan: 'abcdef0123456789',
      environment: 'prod',
    }
    assert.deepEqual(texts(waiting).slice(0, 3), [
      ':hourglass_flowing_sand: *v1.2.0 waits for prod*',
      '• GET /checkout answered 500 &amp; not &lt;200&gt;',
      'To approve: `trunkline approve prod`  plan `abcdef012345`',
    ])
  })

  const kinds: NotificationKind[] = [
    'started',
    'succeeded',
    'failed',
    'errored',
    'waiting',
    'rolled-back',
    'yanked',
    'held',
  ]

  test('has a headline for every kind of event', () => {
    const headlines = kinds.map((kind) => texts({ ...base, kind, step: null })[0])
    assert.equal(new Set(headlines).size, kinds.length)
  })

  test('keeps to the limits of Block Kit and to its escaping, whatever it is told', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5000, size: 'max' }),
      fc.string({ unit: fc.constantFrom('&', '<', '>', '`', '@', '!', '\n', '👍'), maxLength: 5000, size: 'max' }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...kinds), hostile, fc.array(hostile, { maxLength: 8 }), (kind, text, lines) => {
        const message = slackMessage(
          {
            ...base,
            kind,
            project: text,
            environment: text,
            version: text,
            ref: text,
            step: text,
            author: { name: text, email: text },
            reasons: lines.map((line) => reason('x', line)),
            logTail: lines,
          },
          [],
        )
        assert.ok(message.blocks.length <= 50)
        assert.ok(message.text.length <= 3000)
        for (const block of message.blocks) {
          const said = block.type === 'section' ? block.text.text : (block.elements[0]?.text ?? '')
          assert.ok(said.length >= 1 && said.length <= (block.type === 'section' ? 3000 : 2000), `${said.length}`)
          assert.doesNotMatch(said, /[<>]|&(?!amp;|lt;|gt;)/)
          assert.ok(said.isWellFormed())
          const fences = said.split('```').length - 1
          assert.ok(fences === 0 || fences === 2, `${fences} fences`)
        }
      }),
      { numRuns: 60 },
    )
  })
})
