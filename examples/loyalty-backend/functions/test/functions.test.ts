import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serve } from '../../shared/serve.ts'
import { createFunctions } from '../src/functions.ts'
import { type Graphql, GraphqlError } from '../src/graphql.ts'

const secret = 'between us'
const ada = '6a1d2f3e-0000-4000-8000-000000000001'
const event = '6a1d2f3e-0000-4000-8000-00000000000e'

/** Hasura with one guest; a redemption beyond her points breaks the constraint, as the database does. */
function hasura(points: number): { graphql: Graphql; guest: { points: number; entries: string[] } } {
  const guest = { points, entries: [] as string[] }
  const answer = (query: string, variables: Record<string, unknown>): unknown => {
    if (query.startsWith('query'))
      return { reward_by_pk: variables['reward'] === 'soup' ? { title: 'Soup', cost: 50 } : null }
    const change = Number(variables['change'] ?? variables['points'])
    const id = String(variables['event'] ?? `entry ${guest.entries.length}`)
    if (guest.points + change < 0)
      throw new GraphqlError('Check constraint violation. new row for relation "customer" …', 'permission-error')
    if (guest.entries.includes(id))
      throw new GraphqlError('Uniqueness violation. duplicate key …', 'constraint-violation')
    guest.points += change
    guest.entries.push(id)
    return { update_customer_by_pk: { points: guest.points }, insert_entry_one: { id } }
  }
  return {
    graphql: async <Data>(query: string, variables: Record<string, unknown>) => answer(query, variables) as Data,
    guest,
  }
}

async function call(graphql: Graphql, path: string, body: unknown, headers: Record<string, string> = {}) {
  const server = await serve({ answer: createFunctions({ graphql, secret }), port: 0, host: '127.0.0.1' })
  try {
    const answer = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'x-functions-secret': secret, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  } finally {
    await server.stop()
  }
}

const redemption = (reward: string) => ({
  action: { name: 'redeemReward' },
  input: { reward },
  session_variables: { 'x-hasura-role': 'guest', 'x-hasura-user-id': ada },
})
const purchase = { id: event, event: { op: 'INSERT', data: { old: null, new: { customer_id: ada, cents: 1999 } } } }

describe('the action redeemReward', () => {
  test('takes the points of who is logged in', async () => {
    const { graphql, guest } = hasura(80)
    const { status, body } = await call(graphql, '/actions/redeem-reward', redemption('soup'))
    assert.deepEqual([status, body['points'], guest.points], [200, 30, 30])
  })
  test('says so where there are not enough points, and takes none', async () => {
    const { graphql, guest } = hasura(49)
    const { status, body } = await call(graphql, '/actions/redeem-reward', redemption('soup'))
    assert.deepEqual(
      [status, body['message'], guest.points],
      [400, 'Soup costs 50 points, and there are not enough', 49],
    )
  })
  test('knows no other rewards, and nobody who is not logged in', async () => {
    const { graphql } = hasura(80)
    assert.equal((await call(graphql, '/actions/redeem-reward', redemption('gold'))).status, 400)
    assert.equal((await call(graphql, '/actions/redeem-reward', { input: { reward: 'soup' } })).status, 401)
  })
})

describe('the event trigger purchase_paid', () => {
  test('credits a point for each whole euro, once, however often Hasura calls', async () => {
    const { graphql, guest } = hasura(0)
    assert.deepEqual((await call(graphql, '/triggers/purchase-paid', purchase)).body, { points: 19 })
    assert.deepEqual((await call(graphql, '/triggers/purchase-paid', purchase)).body, { points: 0 })
    assert.equal(guest.points, 19)
  })
})

test('only Hasura may call, with what it says in JSON, and what there is', async () => {
  const { graphql } = hasura(0)
  assert.equal(
    (await call(graphql, '/triggers/purchase-paid', purchase, { 'x-functions-secret': 'guess' })).status,
    401,
  )
  assert.equal((await call(graphql, '/triggers/purchase-paid', '{')).status, 400)
  assert.equal((await call(graphql, '/triggers/constructor', purchase)).status, 404)
})
