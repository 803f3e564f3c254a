import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEuros, totalCents } from '../src/index.ts'

test('cents are written as euros', () => {
  const written = [0, 5, 1250, 123_450, 100_000_000, -990].map(formatEuros)
  assert.deepEqual(written, ['€0.00', '€0.05', '€12.50', '€1,234.50', '€1,000,000.00', '-€9.90'])
})

test('a total is prices times quantities, exact to the cent', () => {
  assert.equal(
    totalCents([
      { priceCents: 1999, quantity: 3 },
      { priceCents: 10, quantity: 7 },
    ]),
    6067,
  )
  assert.equal(totalCents([]), 0)
})
