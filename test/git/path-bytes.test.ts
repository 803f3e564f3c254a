import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePath, encodePath, hasRawBytes } from '../../src/model/path-bytes.ts'

test('any bytes become a path and come back to the same bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(encodePath(decodePath(bytes)), Buffer.from(bytes))
    }),
    { numRuns: 2000 },
  )
})

test('different bytes are different paths', () => {
  // Few distinct bytes, chosen to begin, continue and break UTF-8 sequences.
  const tricky = fc.array(fc.constantFrom(0x61, 0x80, 0xbf, 0xc3, 0xed, 0xa0, 0xf0, 0x9f, 0xff), { maxLength: 6 })
  fc.assert(
    fc.property(tricky, tricky, (left, right) => {
      const isSame = Buffer.from(left).equals(Buffer.from(right))
      assert.equal(decodePath(Uint8Array.from(left)) === decodePath(Uint8Array.from(right)), isSame)
    }),
    { numRuns: 2000 },
  )
})

test('a path in UTF-8 is the string it says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(decodePath(Buffer.from(text)), text)
      assert.deepEqual(encodePath(text), Buffer.from(text))
      assert.equal(hasRawBytes(text), false)
    }),
  )
})

test('a byte that is no UTF-8 stands as a lone surrogate', () => {
  assert.equal(decodePath(Buffer.from([0x61, 0xff, 0x62])), 'a\udcffb')
  assert.equal(hasRawBytes('a\udcffb'), true)
})
