import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, digestOf } from '../../src/hashing/index.ts'

/** What canonical JSON is, said in the shortest way. */
function simply(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => simply(item ?? null)).join(',')}]`
  const members = value as Record<string, unknown> // no array, no null
  const kept = Object.keys(members).filter((key) => members[key] !== undefined)
  return `{${kept
    .sort()
    .map((key) => `${JSON.stringify(key)}:${simply(members[key])}`)
    .join(',')}}`
}

const value = fc.anything({
  key: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('9', '10', 'a', 'b', '__proto__', 'toJSON', '')),
  values: [
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', '\u{1f680}', '\u2028', '"'),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
  ],
})

describe('canonical JSON', () => {
  it('is JSON with sorted keys, whatever the order, the depth and the kinds of values', () => {
    fc.assert(
      fc.property(value, (some) => {
        fc.pre(some !== undefined)
        assert.equal(canonicalJson(some), simply(some))
      }),
      { numRuns: 1000 },
    )
  })

  it('is the same for the same members in another order', () => {
    assert.equal(
      canonicalJson({ b: 1, a: { d: 2, c: [3, { z: 0, y: undefined }] } }),
      '{"a":{"c":[3,{"z":0}],"d":2},"b":1}',
    )
    assert.equal(canonicalJson({ 10: 'ten', 9: 'nine' }), '{"10":"ten","9":"nine"}')
  })

  it('is refused for what JSON cannot say', () => {
    for (const some of [undefined, () => 1, Symbol('s'), { a: () => 1 }, [Symbol('s')], { a: 1n }]) {
      assert.throws(() => canonicalJson(some), TypeError)
    }
  })

  it('has one digest, however long it is', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), fc.nat(3000), fc.string(), (some, times, text) => {
        const long = { some, text: Array.from({ length: times }, (_, at) => ({ at, text: `${text}\u{1f680}${at}` })) }
        const expected = createHash('sha256')
          .update(`trunkline.test\0${simply(long)}`)
          .digest('hex')
        assert.equal(digestOf('test', long), expected)
      }),
      { numRuns: 60 },
    )
  })
})
