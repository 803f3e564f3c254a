import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Balanced, chooseNext, type Group, groupByWeight } from '../../../../src/targets/fleet/router/balance.ts'

type Candidate = Balanced & { weight: number; chosen: number }

function candidatesOf(weights: number[]): { candidates: Candidate[]; groups: Group<Candidate>[] } {
  const candidates = weights.map((weight) => ({ weight, credit: 0, inFlight: 0, chosen: 0 }))
  return { candidates, groups: groupByWeight(candidates) }
}

function choose(groups: Group<Candidate>[]): Candidate {
  const chosen = chooseNext(groups)
  assert.ok(chosen)
  chosen.chosen += 1
  return chosen
}

const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 })

describe('choosing a backend', () => {
  test('idle backends share exactly by weight', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 5 }), (all, rounds) => {
        const { candidates, groups } = candidatesOf(all)
        const total = all.reduce((sum, weight) => sum + weight, 0)
        for (let count = 0; count < total * rounds; count++) choose(groups)
        // One off: sums of fractions are not exact.
        for (const { chosen, weight } of candidates) assert.ok(Math.abs(chosen - weight * rounds) <= 1)
      }),
    )
  })

  test('credits never run away, whatever is in flight', () => {
    fc.assert(
      fc.property(weights, fc.array(fc.nat({ max: 7 }), { maxLength: 300 }), (all, ends) => {
        const { candidates, groups } = candidatesOf(all)
        for (const end of ends) {
          choose(groups).inFlight += 1
          const ending = candidates[end % candidates.length]
          if (ending && ending.inFlight > 0) ending.inFlight -= 1
          const sum = candidates.reduce((credits, { credit }) => credits + credit, 0)
          assert.ok(Math.abs(sum) < 1e-6)
          for (const { credit } of candidates) assert.ok(Math.abs(credit) <= 2 * candidates.length)
          const total = groups.reduce((weight, group) => weight + group.weight, 0)
          for (const { credit } of groups) assert.ok(Math.abs(credit) <= total)
        }
      }),
    )
  })

  test('a backend whose requests pile up gets fewer', () => {
    const { candidates, groups } = candidatesOf([1, 1])
    const [slow, fast] = candidates as [Candidate, Candidate]
    for (let count = 0; count < 100; count++) if (choose(groups) === slow) slow.inFlight += 1
    assert.ok(slow.chosen < 20, `the slow one got ${slow.chosen} of 100`)
    assert.ok(fast.chosen > 80)
  })

  test('a canary keeps its share exactly, however slow it is beside the others', () => {
    const { candidates, groups } = candidatesOf([22.5, 22.5, 22.5, 22.5, 5, 5])
    const running: Candidate[] = []
    for (let count = 0; count < 2000; count++) {
      const chosen = choose(groups)
      chosen.inFlight += 1
      // What the canary has begun does not end.
      if (chosen.weight > 5) running.push(chosen)
      const ended = running.length > 50 ? running.shift() : undefined
      if (ended) ended.inFlight -= 1
    }
    const canary = candidates.slice(4).reduce((sum, { chosen }) => sum + chosen, 0)
    assert.ok(Math.abs(canary - 200) <= 1, `the canary got ${canary} of 2000`)
  })

  test('nobody is chosen of none', () => {
    assert.equal(chooseNext([]), null)
  })
})
