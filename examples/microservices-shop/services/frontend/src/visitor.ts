/** Who is shopping: known by a cookie that is nothing but the id of a cart. */
import { randomUUID } from 'node:crypto'
import type { Request } from '@shop/common'

const cookieName = 'cart'
const lifetimeSeconds = 30 * 24 * 60 * 60

/** The id of the visitor's cart; null before anything was put into it. */
export function cartIdOf(request: Pick<Request, 'headers'>): string | null {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim())
  const value = pairs.find((pair) => pair.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
  return value !== undefined && /^[0-9a-f-]{36}$/.test(value) ? value : null
}

export const newCartId = (): string => randomUUID()

/** Lax: other sites cannot post forms in the visitor's name. */
export const cartCookie = (id: string): string =>
  `${cookieName}=${id}; Path=/; Max-Age=${lifetimeSeconds}; HttpOnly; SameSite=Lax`
