import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findUser } from './index.ts'

test('a user is found by id, and what every object has is no user', () => {
  assert.equal(findUser('ada')?.isMember, true)
  assert.equal(findUser('constructor'), null)
})
