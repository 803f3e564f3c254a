/** Bans merge, whoever writes first. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mergeYank } from '../../src/ledger/index.ts'
import type { Yank } from '../../src/model/index.ts'
import { createBench } from '../fixtures/world.ts'

const release = (digit: number): never => String(digit).repeat(64) as never
const yank = (digit: number, yanked = true, view: number | null = null): Yank => ({
  version: 1,
  subject: {
    kind: 'release',
    release: release(digit),
    views: view === null ? [] : [{ environment: 'stage', view: release(view) }],
  },
  yanked,
  unyanks: 0,
  actor: { name: 'Ada', email: 'ada@example.com' },
  at: '2026-01-01T00:00:00.000Z',
  reason: 'bad',
  label: null,
})
const sorted = (yanks: Yank[]) =>
  [...yanks]
    .map((known) =>
      known.subject.kind === 'release'
        ? {
            ...known,
            subject: { ...known.subject, views: [...known.subject.views].sort((a, b) => (a.view < b.view ? -1 : 1)) },
          }
        : known,
    )
    .sort((a, b) => (JSON.stringify(a.subject) < JSON.stringify(b.subject) ? -1 : 1))

describe('yanks', () => {
  test('bans merge to the same in whichever order they arrive', () => {
    const bans = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.option(fc.integer({ min: 1, max: 4 }), { nil: null })),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(bans, fc.nat(), (given, seed) => {
        const yanks = given.map(([digit, view]) => yank(digit, true, view))
        const rotated = [...yanks.slice(seed % (yanks.length + 1)), ...yanks.slice(0, seed % (yanks.length + 1))]
        const merge = (all: Yank[]) => sorted(all.reduce<Yank[]>((known, next) => mergeYank(known, next), []))
        assert.deepEqual(merge(yanks), merge(rotated))
      }),
    )
  })

  test('there is one entry a subject; every letting back in is counted, and takes its views along', () => {
    const steps = [yank(1, true, 2), yank(1, false), yank(1, false), yank(1, true, 3), yank(1, false)]
    const [entry, ...others] = steps.reduce<Yank[]>((known, next) => mergeYank(known, next), [])
    assert.deepEqual(others, [])
    assert.equal(entry?.unyanks, 2)
    assert.ok(entry.subject.kind === 'release')
    assert.deepEqual(entry.subject.views, [])
  })

  test('two controllers that yank at the same moment both are heard', async () => {
    await using bench = await createBench()
    const [one, two] = [await bench.controller(), await bench.controller()]
    const signal = AbortSignal.timeout(30_000)
    await Promise.all([
      one.engine.ledger.writeYank(yank(1), signal),
      two.engine.ledger.writeYank(yank(2), signal),
      bench.engine.ledger.writeYank(yank(3), signal),
    ])
    const known = (await bench.yanks()).map((entry) => entry.subject.kind === 'release' && entry.subject.release)
    assert.deepEqual(known.sort(), [release(1), release(2), release(3)])
  })
})
