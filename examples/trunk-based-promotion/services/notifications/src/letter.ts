/** The letter to a customer, in the customer's language. */
import type { PlacedOrder } from '@orders/common'

export type WrittenLetter = { subject: string; text: string }

const words = {
  en: { subject: 'Your order', greeting: 'Thank you for your order.', total: 'Total', locale: 'en-IE' },
  de: { subject: 'Ihre Bestellung', greeting: 'Danke für Ihre Bestellung.', total: 'Summe', locale: 'de-DE' },
} as const

export function letterFor({ order, language, lines, totalCents }: PlacedOrder): WrittenLetter {
  const { subject, greeting, total, locale } = words[language]
  const money = new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }).format(totalCents / 100)
  return {
    subject: `${subject} ${order}`,
    text: [greeting, '', ...lines.map((line) => `  ${line}`), '', `${total}: ${money}`, ''].join('\n'),
  }
}
