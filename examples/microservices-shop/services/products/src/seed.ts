import { assortment } from './assortment.ts'
import type { ProductStore } from './store.ts'

/** Puts the assortment in, over what is there; with `onlyWhenEmpty` it leaves a shop that has products alone. */
export async function seed(store: ProductStore, { onlyWhenEmpty }: { onlyWhenEmpty: boolean }): Promise<number> {
  if (onlyWhenEmpty && (await store.products()).length > 0) return 0
  await store.save(assortment)
  return assortment.length
}
