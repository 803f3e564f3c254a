/** What a customer pays less. */
export type Purchase = { priceCents: number; quantity: number; isMember: boolean }
export type Discount = { percent: number; because: string[]; totalCents: number }

const rules: ReadonlyArray<{ percent: number; because: string; holds(purchase: Purchase): boolean }> = [
  { percent: 10, because: 'ten or more of one kind', holds: ({ quantity }) => quantity >= 10 },
  { percent: 5, because: 'a member', holds: ({ isMember }) => isMember },
]

/** Rules add up; the total is rounded in the customer's favour. */
export function discountOf(purchase: Purchase): Discount {
  const held = rules.filter(({ holds }) => holds(purchase))
  const percent = held.reduce((sum, rule) => sum + rule.percent, 0)
  const fullCents = purchase.priceCents * purchase.quantity
  return {
    percent,
    because: held.map(({ because }) => because),
    totalCents: Math.floor((fullCents * (100 - percent)) / 100),
  }
}
