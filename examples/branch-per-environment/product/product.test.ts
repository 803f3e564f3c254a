import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allProducts, findProduct } from './index.ts'

test('every product has an id of its own and a price in whole cents', () => {
  const products = allProducts()
  assert.equal(new Set(products.map(({ id }) => id)).size, products.length)
  for (const { priceCents } of products) assert.ok(Number.isInteger(priceCents) && priceCents > 0)
})

test('a product is found by its id alone', () => {
  assert.equal(findProduct('kettle')?.name, 'Kettle')
  assert.equal(findProduct('Kettle'), null)
})
