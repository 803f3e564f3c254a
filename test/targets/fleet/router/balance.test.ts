import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Balanced, chooseNext, shareOut } from '../../../../src/targets/fleet/router/balance.ts'

type Candidate = Balanced & { weight: number; chosen: number }

function candidatesOf(weights: number[]): Candidate[] {
  const candidates = weights.map((weight) => ({ weight, share: 1, credit: 0, inFlight: 0, chosen: 0 }))
  shareOut(candidates)
  return candidates
}

function choose(candidates: Candidate[]): Candidate {
  const chosen = chooseNext(candidates)
  assert.ok(chosen)
  chosen.chosen += 1
  return chosen
}

const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 })

describe('choosing a backend', () => {
  test('idle backends share exactly by weight', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 5 }), (all, rounds) => {
        const candidates = candidatesOf(all)
        const total = all.reduce((sum, weight) => sum + weight, 0)
        for (let count = 0; count < total * rounds; count++) choose(candidates)
        // One off: sums of fractions are not exact.
        for (const { chosen, weight } of candidates) assert.ok(Math.abs(chosen - weight * rounds) <= 1)
      }),
    )
  })

  test('credits never run away, whatever is in flight', () => {
    fc.assert(
      fc.property(weights, fc.array(fc.nat({ max: 7 }), { maxLength: 300 }), (all, ends) => {
        const candidates = candidatesOf(all)
        for (const end of ends) {
          choose(candidates).inFlight += 1
          const ending = candidates[end % candidates.length]
          if (ending && ending.inFlight > 0) ending.inFlight -= 1
          const sum = candidates.reduce((credits, { credit }) => credits + credit, 0)
          assert.ok(Math.abs(sum) < 1e-6)
          for (const { credit } of candidates) assert.ok(Math.abs(credit) <= 2 * candidates.length)
        }
      }),
    )
  })

  test('a backend whose requests pile up gets fewer', () => {
    const [slow, fast] = candidatesOf([1, 1]) as [Candidate, Candidate]
    for (let count = 0; count < 100; count++) if (choose([slow, fast]) === slow) slow.inFlight += 1
    assert.ok(slow.chosen < 20, `the slow one got ${slow.chosen} of 100`)
    assert.ok(fast.chosen > 80)
  })

  test('a canary keeps its share when both are equally busy', () => {
    const [stable, canary] = candidatesOf([9, 1]) as [Candidate, Candidate]
    const running: Candidate[] = []
    for (let count = 0; count < 2000; count++) {
      const chosen = choose([stable, canary])
      chosen.inFlight += 1
      running.push(chosen)
      const ended = running.length > 50 ? running.shift() : undefined
      if (ended) ended.inFlight -= 1
    }
    assert.ok(canary.chosen > 150 && canary.chosen < 250, `the canary got ${canary.chosen} of 2000`)
  })

  test('nobody is chosen of none', () => {
    assert.equal(chooseNext([]), null)
  })
})
