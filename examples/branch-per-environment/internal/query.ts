import { HttpError } from './http-error.ts'

/** A whole number of a query, within bounds. */
export function wholeNumber(query: URLSearchParams, name: string, { min = 0, max = 1_000_000_000 } = {}): number {
  const text = query.get(name) ?? ''
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) {
    throw new HttpError(422, `${name} must be a whole number from ${min} to ${max}`)
  }
  return value
}
