/** What is for sale. */
export type Product = { id: string; name: string; priceCents: number }

const products: readonly Product[] = [
  { id: 'kettle', name: 'Kettle', priceCents: 4_900 },
  { id: 'teapot', name: 'Teapot', priceCents: 3_250 },
  { id: 'cup', name: 'Cup', priceCents: 899 },
  { id: 'tray', name: 'Tray', priceCents: 2_150 },
]

export const allProducts = (): readonly Product[] => products

export const findProduct = (id: string): Product | null => products.find((product) => product.id === id) ?? null
