/** A guest takes a reward for points. */
import { HttpError } from '../../../shared/serve.ts'
import { type HasuraFunction, isMapping } from '../functions.ts'
import { GraphqlError } from '../graphql.ts'

const rewardQuery = 'query ($reward: uuid!) { reward_by_pk(id: $reward) { title cost } }'

/** One mutation is one transaction; `customer.points` is never below zero: the database sees to it. */
const redemption = `mutation ($customer: uuid!, $reward: uuid!, $change: Int!) {
  update_customer_by_pk(pk_columns: { id: $customer }, _inc: { points: $change }) { points }
  insert_entry_one(object: { customer_id: $customer, reward_id: $reward, points: $change }) { id }
}`

export const redeemReward: HasuraFunction = async (body, { graphql }) => {
  const { customer, reward } = whoAndWhat(body)
  const { reward_by_pk: found } = await graphql<{ reward_by_pk: { title: string; cost: number } | null }>(rewardQuery, {
    reward,
  })
  if (found === null) throw new HttpError(400, 'there is no such reward')
  try {
    const done = await graphql<{
      update_customer_by_pk: { points: number } | null
      insert_entry_one: { id: string }
    }>(redemption, { customer, reward, change: -found.cost })
    return { code: done.insert_entry_one.id, title: found.title, points: done.update_customer_by_pk?.points ?? 0 }
  } catch (error) {
    if (error instanceof GraphqlError && error.message.startsWith('Check constraint violation'))
      throw new HttpError(400, `${found.title} costs ${found.cost} points, and there are not enough`)
    throw error
  }
}

/** The guest is who the token says, never what the request says. */
function whoAndWhat(body: unknown): { customer: string; reward: string } {
  const session = isMapping(body) ? body['session_variables'] : undefined
  const input = isMapping(body) ? body['input'] : undefined
  const customer = isMapping(session) ? session['x-hasura-user-id'] : undefined
  const reward = isMapping(input) ? input['reward'] : undefined
  if (typeof customer !== 'string') throw new HttpError(401, 'nobody is logged in')
  if (typeof reward !== 'string') throw new HttpError(400, 'which reward?')
  return { customer, reward }
}
