/** What customers fill in at the checkout: field by field, so that a mistake is shown where it was made. */
import { type Country, countries, type OrderRequest } from '@shop/common'

export const fieldNames = ['name', 'email', 'street', 'postalCode', 'city', 'number', 'expires', 'code'] as const
export type FieldName = (typeof fieldNames)[number]

export type OrderForm = {
  /** Made up when the form is first shown: sending it twice is still one order. */
  order: string
  country: Country
  totalCents: number
  fields: Record<FieldName, string>
}

export type FormMistakes = Partial<Record<FieldName, string>>

/** Null where it cannot have come from our own page. */
export function readOrderForm(form: URLSearchParams): OrderForm | null {
  const order = form.get('order') ?? ''
  const country = countries.find((each) => each === form.get('country'))
  const totalCents = Number(form.get('totalCents') ?? Number.NaN)
  if (!/^[0-9a-f-]{36}$/.test(order) || country === undefined || !Number.isSafeInteger(totalCents)) return null
  const fieldOf = (name: FieldName) => (form.get(name) ?? '').trim()
  return { order, country, totalCents, fields: readFields(fieldOf) }
}

export const emptyFields = (): Record<FieldName, string> => readFields(() => '')

function readFields(fieldOf: (name: FieldName) => string): Record<FieldName, string> {
  const [name, email, street, postalCode, city] = [
    fieldOf('name'),
    fieldOf('email'),
    fieldOf('street'),
    fieldOf('postalCode'),
    fieldOf('city'),
  ]
  return {
    name,
    email,
    street,
    postalCode,
    city,
    number: fieldOf('number'),
    expires: fieldOf('expires'),
    code: fieldOf('code'),
  }
}

const needed: Record<FieldName, string> = {
  name: 'Who is it for?',
  email: 'Where do we send the confirmation?',
  street: 'Which street, and which number?',
  postalCode: 'The postal code is missing.',
  city: 'Which city?',
  number: 'The card number is missing.',
  expires: 'When does the card expire?',
  code: 'The security code is missing.',
}

/** What can be told without asking anyone. */
export function mistakesIn({ fields }: OrderForm): FormMistakes {
  const mistakes: FormMistakes = {}
  for (const name of fieldNames) {
    if (fields[name] === '') mistakes[name] = needed[name]
    else if (fields[name].length > 200) mistakes[name] = 'This is too long.'
  }
  if (!mistakes.email && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(fields.email))
    mistakes.email = 'This is not an e-mail address.'
  if (!mistakes.postalCode && fields.postalCode.length > 12) mistakes.postalCode = 'This is not a postal code.'
  return mistakes
}

export function orderRequestOf({ country, totalCents, fields }: OrderForm, cart: string): OrderRequest {
  const { name, email, street, postalCode, city, number, expires, code } = fields
  return {
    cart,
    email,
    totalCents,
    address: { name, street, postalCode, city, country },
    card: { number, expires, code },
  }
}

/** The field that a path such as `card.number` or `address.city` of the request came from. */
export function fieldAt(path: string | null): FieldName | null {
  const last = path?.split('.').at(-1)
  return fieldNames.find((name) => name === last) ?? null
}
