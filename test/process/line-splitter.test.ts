import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lineSplitter, maxLineLength } from '../../src/process/index.ts'

const splitInto = (chunks: Buffer[]): string[] => {
  const splitter = lineSplitter()
  const lines = chunks.flatMap((chunk) => splitter.push(chunk))
  const rest = splitter.end()
  return rest === '' ? lines : [...lines, rest]
}

test('lines are the same however their bytes arrive', () => {
  const text = fc.array(fc.constantFrom('a', 'ü', '€', '😀', '\n', '\r\n', '\r')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 40 })), (whole, cuts) => {
      const bytes = Buffer.from(whole)
      const positions = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
        (left, right) => left - right,
      )
      const chunks = positions.slice(1).map((end, at) => bytes.subarray(positions[at], end))
      const expected = whole.split(/\r\n|\n|\r/)
      if (expected.at(-1) === '') expected.pop()
      assert.deepEqual(splitInto(chunks), expected)
    }),
  )
})

test('an endless line takes bounded memory and yields its beginning', () => {
  const splitter = lineSplitter()
  for (let chunk = 0; chunk < 100; chunk += 1) assert.deepEqual(splitter.push(Buffer.alloc(10_000, 'x')), [])
  assert.deepEqual(
    splitter.push(Buffer.from('\nnext\n')).map((line) => line.length),
    [maxLineLength, 4],
  )
})
