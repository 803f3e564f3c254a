import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCard, passesLuhn } from '../src/card.ts'
import { charge } from '../src/charge.ts'

const today = new Date('2026-03-31T12:00:00Z')
const card = { number: '4242 4242 4242 4242', expires: '03/26', code: '123' }

test('card numbers pass by their check digit', () => {
  for (const valid of ['4242424242424242', '5555555555554444', '378282246310005']) assert.ok(passesLuhn(valid), valid)
  for (const invalid of ['4242424242424241', '5555555555554445']) assert.ok(!passesLuhn(invalid), invalid)
})

test('two digits changed places do not pass', () => {
  assert.ok(passesLuhn('79927398713'))
  assert.ok(!passesLuhn('79927398731'))
})

test('a card is good until its month is over', () => {
  assert.equal(checkCard(card, today).lastFour, '4242')
  assert.throws(() => checkCard(card, new Date('2026-04-01T00:00:00Z')), { code: 'card-expires-invalid' })
  assert.throws(() => checkCard({ ...card, expires: '13/30' }, today), { code: 'card-expires-invalid' })
})

test('American Express has four digits on the front', () => {
  const amex = { number: '378282246310005', expires: '12/30', code: '1234' }
  assert.equal(checkCard(amex, today).brand, 'American Express')
  assert.throws(() => checkCard({ ...amex, code: '123' }, today), { code: 'card-code-invalid', field: 'card.code' })
})

test('charging an order twice is one transaction; another order, amount or key is another', () => {
  const request = { order: 'order-1', amountCents: 6290, card }
  const { transactionId } = charge(request, 'key', today)
  assert.equal(charge(request, 'key', today).transactionId, transactionId)
  assert.notEqual(charge({ ...request, order: 'order-2' }, 'key', today).transactionId, transactionId)
  assert.notEqual(charge({ ...request, amountCents: 6291 }, 'key', today).transactionId, transactionId)
  assert.notEqual(charge(request, 'another key', today).transactionId, transactionId)
})

test('an error never repeats the card number', () => {
  const declined = { order: 'order-1', amountCents: 1, card: { ...card, number: '4000 0000 0000 0002' } }
  assert.throws(
    () => charge(declined, 'key', today),
    (error) => error instanceof Error && /declined/.test(error.message) && !/\d{4}/.test(JSON.stringify(error)),
  )
})
