/** What is for sale. */
export type Product = { id: string; name: string; priceCents: number }

export const catalogue: readonly Product[] = [
  { id: 'rye-loaf', name: 'Rye loaf', priceCents: 490 },
  { id: 'sourdough', name: 'Sourdough', priceCents: 620 },
  { id: 'butter-croissant', name: 'Butter croissant', priceCents: 230 },
]
