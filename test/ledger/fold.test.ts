/** What an environment's events add up to: properties over any sequence of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { applyEvent, eventMessage, initialState } from '../../src/ledger/index.ts'
import type { EnvironmentState, LedgerEvent } from '../../src/model/index.ts'
import { anyEvent, candidate, eventAt } from './events.ts'

const foldAll = (events: readonly LedgerEvent[]): EnvironmentState => events.reduce(applyEvent, initialState('stage'))

/** Numbered without gaps, as the ledger numbers them. */
const histories = (maxLength: number) =>
  fc.array(anyEvent, { maxLength }).map((details) => details.map((detail, index) => eventAt(index + 1, detail)))

const asStored = (state: EnvironmentState): EnvironmentState => JSON.parse(JSON.stringify(state))

describe('folding events', () => {
  test('any sequence of events folds without throwing, and the state counts every one', () => {
    fc.assert(
      fc.property(histories(60), (events) => {
        assert.equal(foldAll(events).seq, events.length)
      }),
    )
  })

  test('no list grows without a bound', () => {
    fc.assert(
      fc.property(histories(400), (events) => {
        const state = foldAll(events)
        assert.ok(state.history.length <= 20)
        assert.ok(state.verified.length <= 100)
        assert.ok(state.failures.length <= 100)
        assert.ok(state.approvals.length <= 100)
        assert.ok(state.irreversible.length <= 50)
        assert.ok(state.passedOver.length <= 20)
      }),
      { numRuns: 20 },
    )
  })

  test('the same events give the same state, and applying one changes no earlier state', () => {
    fc.assert(
      fc.property(histories(40), (events) => {
        const states = [initialState('stage')]
        for (const event of events) states.push(applyEvent(states.at(-1) ?? initialState('stage'), event))
        const frozen = JSON.stringify(states)
        assert.deepEqual(foldAll(events), states.at(-1))
        assert.equal(JSON.stringify(states), frozen)
      }),
    )
  })

  test('a state survives being written down and read again at any moment', () => {
    fc.assert(
      fc.property(histories(40), fc.nat(40), (events, cut) => {
        const before = asStored(foldAll(events.slice(0, cut)))
        assert.deepEqual(asStored(events.slice(cut).reduce(applyEvent, before)), asStored(foldAll(events)))
      }),
    )
  })

  test('a view is never both verified and failed', () => {
    fc.assert(
      fc.property(histories(60), (events) => {
        const { verified, failures } = foldAll(events)
        const views = new Set<string>(verified.map((known) => known.view))
        assert.deepEqual(
          failures.filter((known) => views.has(known.view)),
          [],
        )
      }),
    )
  })

  test('every event has a subject of one line and trailers that name it', () => {
    fc.assert(
      fc.property(anyEvent, (detail) => {
        const message = eventMessage(eventAt(7, detail))
        assert.match(message.subject, /^stage: \S/)
        assert.ok(!message.subject.includes('\n'))
        const trailers = Object.fromEntries(message.trailers)
        assert.equal(trailers['Event'], detail.kind)
        assert.equal(trailers['Sequence'], '7')
        assert.ok(Object.values(trailers).every((value) => typeof value === 'string' && value !== 'undefined'))
      }),
    )
  })

  test('what waits is taken out by its own start, and not by another’s', () => {
    const [old, next] = [candidate(1), candidate(2)]
    const waiting = eventAt(1, {
      kind: 'waiting',
      waiting: { candidate: next, trigger: 'route', plan: null, covers: {}, reasons: [], since: '', until: null },
    })
    const start = (which: typeof old, seq: number) =>
      eventAt(seq, {
        kind: 'started',
        deployment: 'd-stage-000000000001' as never,
        trigger: 'route',
        candidate: which,
        plan: 'f'.repeat(64) as never,
        services: [],
      })
    assert.equal(foldAll([waiting, start(old, 2)]).waiting?.candidate.version, next.version)
    assert.equal(foldAll([waiting, start(next, 2)]).waiting, null)
    const taken = eventAt(2, { kind: 'rejected', plan: null, candidate: old })
    assert.equal(foldAll([waiting, taken]).waiting?.candidate.version, next.version, 'another was meant')
  })

  test('a hold by a person does not do a failed deployment’s rollback for it', () => {
    const deployment = 'd-stage-000000000001' as never
    const started = eventAt(1, {
      ...{ kind: 'started', deployment, trigger: 'route', candidate: candidate(1), plan: 'f'.repeat(64) as never },
      services: [],
    })
    const failed = eventAt(2, {
      ...{ kind: 'failed', deployment, candidate: candidate(1), step: null, logTail: [] },
      reactions: ['rollback', 'yank'],
    })
    const byHand = eventAt(3, { kind: 'held' })
    assert.deepEqual(foldAll([started, failed, byHand]).deployment?.reactions, ['rollback', 'yank'])
    const refused = eventAt(3, { kind: 'held', deployment })
    assert.deepEqual(foldAll([started, failed, refused]).deployment?.reactions, ['yank'])
  })
})
