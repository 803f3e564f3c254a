/** Functions by their path: `/actions/…` for Hasura's Actions, `/triggers/…` for its event triggers. */
import { timingSafeEqual } from 'node:crypto'
import { type Answer, type Asked, HttpError, json } from '../../shared/serve.ts'
import { redeemReward } from './actions/redeem-reward.ts'
import type { Graphql } from './graphql.ts'
import { purchasePaid } from './triggers/purchase-paid.ts'

export type Context = { graphql: Graphql }
/** Answers what Hasura hands on. */
export type HasuraFunction = (body: unknown, context: Context) => Promise<unknown>

const functions: Record<string, HasuraFunction> = {
  '/actions/redeem-reward': redeemReward,
  '/triggers/purchase-paid': purchasePaid,
}

export function createFunctions({ graphql, secret }: Context & { secret: string }) {
  return async ({ method, path, headers, body }: Asked): Promise<Answer> => {
    const wanted = Object.hasOwn(functions, path) ? functions[path] : undefined
    if (wanted === undefined) throw new HttpError(404, 'there is no such function')
    if (method !== 'POST') throw new HttpError(405, 'functions are called by POST')
    if (!isSame(String(headers['x-functions-secret'] ?? ''), secret)) throw new HttpError(401, 'who are you?')
    return json(200, await wanted(parsed(body), { graphql }))
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new HttpError(400, 'the body is not JSON')
  }
}

function isSame(given: string, secret: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(secret)]
  return one.length === other.length && timingSafeEqual(one, other)
}

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
