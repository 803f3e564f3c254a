/**
 * The contract between the services, as code: each side checks what it is sent, and both sides' tests use these shapes.
 * Both services are built from this file, so a change to the contract is a change to both. Money is whole cents.
 */
import { HttpError } from './http-error.ts'

export type OrderedItem = { product: string; quantity: number }

/** What a customer sends: `PUT /orders/:id`. */
export type OrderRequest = { email: string; language: 'de' | 'en'; items: OrderedItem[] }

/** What orders tells notifications: `PUT /notifications/:id`, by the order's id, so that once more is the same letter. */
export type PlacedOrder = { order: string; email: string; language: 'de' | 'en'; lines: string[]; totalCents: number }

/** What notifications answers. */
export type Letter = { id: string; to: string; subject: string }

/** What the customer is answered. */
export type Order = { id: string; totalCents: number; letter: Letter }

const maxItems = 50
const maxQuantity = 99

export function parseOrderRequest(given: unknown): OrderRequest {
  const { email, language, items } = fields(given, 'the order')
  if (!Array.isArray(items) || items.length === 0 || items.length > maxItems) {
    throw invalid(`items: 1 to ${maxItems} of them`)
  }
  return {
    email: emailOf(email),
    language: languageOf(language),
    items: items.map((item) => {
      const { product, quantity } = fields(item, 'an item')
      return { product: text(product, 'product'), quantity: wholeNumber(quantity, 'quantity', 1, maxQuantity) }
    }),
  }
}

export function parsePlacedOrder(given: unknown): PlacedOrder {
  const { order, email, language, lines, totalCents } = fields(given, 'the placed order')
  if (!Array.isArray(lines)) throw invalid('lines: a list')
  return {
    order: text(order, 'order'),
    email: emailOf(email),
    language: languageOf(language),
    lines: lines.map((line) => text(line, 'a line')),
    totalCents: wholeNumber(totalCents, 'totalCents', 0, Number.MAX_SAFE_INTEGER),
  }
}

export function parseLetter(given: unknown): Letter {
  const { id, to, subject } = fields(given, 'the letter')
  return { id: text(id, 'id'), to: text(to, 'to'), subject: text(subject, 'subject') }
}

const invalid = (what: string) => new HttpError(422, 'invalid', what)

function fields(given: unknown, what: string): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw invalid(`${what}: an object`)
  return { ...given }
}

function text(given: unknown, what: string): string {
  if (typeof given !== 'string' || given === '' || given.length > 200) throw invalid(`${what}: 1 to 200 characters`)
  return given
}

function emailOf(given: unknown): string {
  const email = text(given, 'email')
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw invalid('email: an address')
  return email
}

function languageOf(given: unknown): 'de' | 'en' {
  if (given !== 'de' && given !== 'en') throw invalid('language: de or en')
  return given
}

function wholeNumber(given: unknown, what: string, least: number, most: number): number {
  if (typeof given !== 'number' || !Number.isInteger(given) || given < least || given > most) {
    throw invalid(`${what}: a whole number from ${least} to ${most}`)
  }
  return given
}
