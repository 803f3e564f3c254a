/** A purchase was paid: a point for every whole euro. Hasura may call twice for one event, so that the event is the key. */
import { HttpError } from '../../../shared/serve.ts'
import { type HasuraFunction, isMapping } from '../functions.ts'
import { GraphqlError } from '../graphql.ts'

const credit = `mutation ($event: uuid!, $customer: uuid!, $points: Int!) {
  insert_entry_one(object: { id: $event, customer_id: $customer, points: $points }) { id }
  update_customer_by_pk(pk_columns: { id: $customer }, _inc: { points: $points }) { points }
}`

export const purchasePaid: HasuraFunction = async (body, { graphql }) => {
  const { event, customer, cents } = purchaseIn(body)
  const points = Math.floor(cents / 100)
  try {
    await graphql(credit, { event, customer, points })
    return { points }
  } catch (error) {
    if (error instanceof GraphqlError && error.message.startsWith('Uniqueness violation')) return { points: 0 } // Credited before.
    throw error
  }
}

function purchaseIn(body: unknown): { event: string; customer: string; cents: number } {
  const event = isMapping(body) ? body['id'] : undefined
  const data = isMapping(body) && isMapping(body['event']) ? body['event']['data'] : undefined
  const row = isMapping(data) ? data['new'] : undefined
  if (typeof event === 'string' && isMapping(row)) {
    const { customer_id: customer, cents } = row
    if (typeof customer === 'string' && Number.isSafeInteger(cents)) return { event, customer, cents: Number(cents) }
  }
  throw new HttpError(400, 'this is no event of a purchase')
}
