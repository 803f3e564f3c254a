/** Each gate alone: what passes, what waits, what is refused, and why. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { initialState } from '../../src/ledger/index.ts'
import type { Actor, Approval, EnvironmentState, Yank } from '../../src/model/index.ts'
import {
  type ApprovalFacts,
  approvalGate,
  holdGate,
  movedParts,
  unyanksOf,
  upstreamGate,
  viewOf,
  yankGate,
} from '../../src/planning/index.ts'
import { digest, policy, release } from './releases.ts'

const given = release({ a: 1, b: 2 }, { stage: {}, prod: {} })
const actor = (name: string): Actor => ({ name, email: `${name}@example.com` })
const ban = (subject: Yank['subject'], change: Partial<Yank> = {}): Yank => ({
  ...{ version: 1, subject, yanked: true, unyanks: 0, actor: actor('ada'), at: '2026-01-01T00:00:00Z' },
  ...{ reason: 'bad', label: null },
  ...change,
})
const stage = (change: Partial<EnvironmentState> = {}) => ({
  name: 'stage',
  state: { ...initialState('stage'), ...change },
  verifiedEarlier: false,
})
const view = viewOf(given, 'stage')
const verified = (unyanks = 0) => stage({ verified: [{ view, release: given.id, at: '', unyanks }] })

describe('the yank gate', () => {
  test('refuses the release, its failed view in that environment, and whatever contains a banned artifact', () => {
    const other = '9'.repeat(64) as never
    const cases: Array<[Yank, 'stage' | 'prod', string | null]> = [
      [ban({ kind: 'release', release: given.id, views: [] }), 'prod', 'release-yanked'],
      [ban({ kind: 'release', release: other, views: [] }), 'prod', null],
      [ban({ kind: 'release', release: other, views: [{ environment: 'stage', view }] }), 'stage', 'view-yanked'],
      [ban({ kind: 'release', release: other, views: [{ environment: 'stage', view }] }), 'prod', null],
      [ban({ kind: 'artifact', artifact: digest(2) }), 'stage', 'artifact-yanked'],
      [ban({ kind: 'artifact', artifact: digest(3) }), 'stage', null],
      [ban({ kind: 'release', release: given.id, views: [] }, { yanked: false }), 'stage', null],
    ]
    for (const [yank, environment, code] of cases) {
      const decision = yankGate(given, environment, [yank])
      assert.equal(decision.action, code === null ? 'deploy' : 'refuse')
      assert.equal(decision.reasons[0]?.code ?? null, code)
    }
  })

  test('a letting back in of an artifact counts for every release that contains it', () => {
    const back = ban({ kind: 'artifact', artifact: digest(2) }, { yanked: false, unyanks: 2 })
    assert.equal(unyanksOf(given, [back]), 2)
    assert.equal(unyanksOf(release({ a: 1 }), [back]), 0)
  })
})

describe('the upstream gate', () => {
  test('verified passes, pending waits, failed refuses, and what is banned upstream refuses', () => {
    const failed = stage({ failures: [{ view, release: given.id, at: '', deployment: 'd-stage-1' as never }] })
    const banned = ban({ kind: 'release', release: '9'.repeat(64) as never, views: [{ environment: 'stage', view }] })
    assert.equal(upstreamGate(given, [verified()], []).action, 'deploy')
    assert.equal(upstreamGate(given, [stage()], []).action, 'wait')
    assert.equal(upstreamGate(given, [failed], []).action, 'refuse')
    assert.equal(upstreamGate(given, [stage()], [banned]).action, 'refuse')
    assert.equal(
      upstreamGate(given, [verified(), { ...stage(), name: 'demo' }], []).action,
      'wait',
      'all of them count',
    )
  })

  test('a verification from before an unyank no longer counts; older history counts only without one', () => {
    const back = ban({ kind: 'release', release: given.id, views: [] }, { yanked: false, unyanks: 1 })
    assert.equal(upstreamGate(given, [verified(0)], [back]).action, 'wait')
    assert.equal(upstreamGate(given, [verified(1)], [back]).action, 'deploy')
    const earlier = { ...stage(), verifiedEarlier: true }
    assert.equal(upstreamGate(given, [earlier], []).action, 'deploy')
    assert.equal(upstreamGate(given, [earlier], [back]).action, 'wait')
  })
})

describe('the hold gate', () => {
  test('a held environment waits for everyone; what was passed over waits for routes alone', () => {
    const held = { ...initialState('stage'), held: { actor: actor('ada'), at: '', reasons: [] } }
    for (const trigger of ['route', 'deploy', 'retry'] as const)
      assert.equal(holdGate(held, given, trigger).action, 'wait')
    const passedOver = { ...initialState('stage'), passedOver: [given.id] }
    assert.equal(holdGate(passedOver, given, 'route').action, 'wait')
    assert.equal(holdGate(passedOver, given, 'deploy').action, 'deploy')
    assert.equal(holdGate(passedOver, release({ a: 9 }), 'route').action, 'deploy')
  })
})

describe('the approval gate', () => {
  const plan = '1'.repeat(64) as never
  const other = '2'.repeat(64) as never
  const now = Date.parse('2026-01-08T00:00:00Z')
  const facts = (approvals: Approval[], change: Partial<ApprovalFacts> = {}): ApprovalFacts => ({
    policy: policy('prod', { approval: { by: [], quorum: 1, notAuthor: false, expiresMs: null } }),
    ...{ people: {}, approvals, plan, covers: {}, losses: [], waitingCovers: null, author: actor('ada'), nowMs: now },
    ...change,
  })

  test('it passes just when enough different people who count approved exactly this plan', () => {
    const people = ['ada', 'ben', 'cleo', 'eve']
    const approval = fc.record({
      actor: fc.constantFrom(...people, ...people.map((name) => name.toUpperCase())).map(actor),
      plan: fc.constantFrom(plan, other),
      at: fc.constantFrom('2026-01-07T00:00:00Z', '2025-12-01T00:00:00Z'),
    })
    fc.assert(
      fc.property(fc.array(approval, { maxLength: 8 }), fc.integer({ min: 1, max: 3 }), (approvals, quorum) => {
        const rule = { by: ['@managers'], quorum, notAuthor: true, expiresMs: 7 * 86_400_000 }
        const managers = ['ada', 'ben', 'cleo'].map((name) => ({ ...actor(name), ssh: [], slack: null }))
        const decision = approvalGate(
          facts(approvals, { policy: policy('prod', { approval: rule }), people: { managers } }),
        )
        const counted = new Set(
          approvals
            .filter((known) => known.plan === plan && known.at.startsWith('2026'))
            .map((known) => known.actor.email.toLowerCase())
            .filter((email) => ['ben@example.com', 'cleo@example.com'].includes(email)),
        )
        assert.equal(decision.action, counted.size >= quorum ? 'deploy' : 'wait')
        assert.ok(decision.action === 'deploy' || decision.reasons[0]?.code === 'awaiting-approval')
      }),
    )
  })

  test('the parts that moved are named, and those alone', () => {
    assert.deepEqual(movedParts({ a: '1', b: '2', c: '3' }, { a: '1', b: 'x', d: '4' }), ['b', 'c', 'd'])
    assert.deepEqual(movedParts(null, { a: '1' }), [])
  })
})
