import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatDocument } from '../../src/ledger/document.ts'
import { documentFormatter } from '../../src/ledger/document-formatter.ts'

const textOf = (pieces: readonly Uint8Array[]): string => Buffer.concat(pieces).toString('utf8')

test('formats any document as formatDocument does', () => {
  const format = documentFormatter()
  const document = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }))
  const isSame = (value: object) => assert.equal(textOf(format(value)), formatDocument(value))
  fc.assert(fc.property(document, isSame), { numRuns: 50 })
})

test('formats a row of documents that share parts, also where a part moves to another depth or becomes long', () => {
  const part = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.record({ name: fc.string(), left: fc.option(fc.string(), { nil: undefined }) }),
    fc.array(fc.constantFrom('x'.repeat(900), '"\n\\', 'ö€😀'), { maxLength: 6 }),
  )
  const row = fc.array(
    fc.record({ from: fc.nat({ max: 5 }), key: fc.constantFrom('a', 'b', 'c', 'd'), isNested: fc.boolean() }),
    { maxLength: 12 },
  )
  const run = (parts: readonly unknown[], changes: Array<{ from: number; key: string; isNested: boolean }>) => {
    const format = documentFormatter()
    let document: Record<string, unknown> = {}
    for (const { from, key, isNested } of changes) {
      const chosen = parts[from % parts.length]
      document = { ...document, [key]: isNested ? { inside: [chosen, document['a']] } : chosen }
      assert.equal(textOf(format(document)), formatDocument(document))
    }
  }
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), row, run))
})

test('leaves out what has no value, as JSON does', () => {
  const document = { a: undefined, b: [undefined, { c: undefined }], d: {}, e: [] }
  assert.equal(textOf(documentFormatter()(document)), formatDocument(document))
  assert.equal(textOf(documentFormatter()({ a: undefined })), formatDocument({ a: undefined }))
})
