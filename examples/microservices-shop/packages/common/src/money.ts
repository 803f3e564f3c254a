/** Money is a whole number of euro cents everywhere; only people see it written out. */

/** `€1,234.50` */
export function formatEuros(cents: number): string {
  const sign = cents < 0 ? '-' : ''
  const euros = String(Math.trunc(Math.abs(cents) / 100)).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${sign}€${euros}.${String(Math.abs(cents) % 100).padStart(2, '0')}`
}

/** Sum of prices times quantities, in cents. */
export function totalCents(lines: Iterable<{ priceCents: number; quantity: number }>): number {
  let total = 0
  for (const { priceCents, quantity } of lines) total += priceCents * quantity
  return total
}
