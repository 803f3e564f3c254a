import { type Card, HttpError } from '@shop/common'

export type ValidCard = { digits: string; brand: string; lastFour: string }

const brands: ReadonlyArray<readonly [brand: string, begins: RegExp]> = [
  ['Visa', /^4/],
  ['Mastercard', /^(5[1-5]|2[2-7])/],
  ['American Express', /^3[47]/],
]

/** Throws 422 with the field that is wrong; says nothing of the number. */
export function checkCard(card: Card, now: Date): ValidCard {
  const digits = card.number.replace(/[\s-]/g, '')
  if (!/^\d{13,19}$/.test(digits) || !passesLuhn(digits)) throw invalid('number', 'This card number is not valid.')
  const brand = brands.find(([, begins]) => begins.test(digits))?.[0] ?? 'Card'
  if (isExpired(card.expires, now)) throw invalid('expires', 'This card has expired, or the date is not like 09/29.')
  const codeLength = brand === 'American Express' ? 4 : 3
  if (!new RegExp(`^\\d{${codeLength}}$`).test(card.code))
    throw invalid('code', `The security code has ${codeLength} digits.`)
  return { digits, brand, lastFour: digits.slice(-4) }
}

/** The check digit of card numbers (ISO/IEC 7812-1): every second digit from the right counts double. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** A card is good until its month is over. */
function isExpired(expires: string, now: Date): boolean {
  const [, month = '', year = ''] = /^(0[1-9]|1[0-2])\s*\/\s*(?:20)?(\d{2})$/.exec(expires) ?? []
  if (month === '') return true
  return Date.UTC(2000 + Number(year), Number(month), 1) <= now.getTime()
}

const invalid = (field: keyof Card, message: string) =>
  new HttpError(422, `card-${field}-invalid`, message, { field: `card.${field}` })
