import { createHash } from 'node:crypto'

const digits = 12

/**
 * `MG` and twelve digits, and one that tells typing mistakes. The same order always gets the same one: asked twice, a
 * shipment is one shipment.
 */
export function trackingIdOf(order: string): string {
  const number = createHash('sha256').update(order).digest().readBigUInt64BE() % 10n ** BigInt(digits)
  const body = String(number).padStart(digits, '0')
  return `MG${body}${checkDigit(body)}`
}

export function isTrackingId(text: string): boolean {
  const [, body = '', check] = /^MG(\d{12})(\d)$/.exec(text) ?? []
  return check !== undefined && checkDigit(body) === Number(check)
}

/** Weights 3 and 1 in turn, as on parcels (EAN). */
function checkDigit(body: string): number {
  const sum = [...body].reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 3 : 1), 0)
  return (10 - (sum % 10)) % 10
}
