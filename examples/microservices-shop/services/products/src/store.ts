/** Where products are kept: one role, PostgreSQL and a stand-in that is a file. */
import { dataFolder, optionalVariable, type Product } from '@shop/common'

export type AppliedMigration = { version: number; checksum: string }

export type Migration = {
  version: number
  /** Name of its file. */
  name: string
  sql: string
  /** Of the SQL: an applied migration must never change. */
  checksum: string
}

export type ProductStore = {
  /** In the order of the assortment. */
  products(): Promise<Product[]>
  /** Adds products, and replaces those with the same id; their order is the order given. */
  save(products: readonly Product[]): Promise<void>
  appliedMigrations(): Promise<AppliedMigration[]>
  /** Makes the change and remembers that it was made: both or neither. */
  apply(migration: Migration): Promise<void>
  /** Keeps others who migrate out until the work is done. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** PostgreSQL where `DATABASE_URL` is given, else a file in the data folder. */
export async function openProductStore(): Promise<ProductStore> {
  const databaseUrl = optionalVariable('DATABASE_URL')
  if (databaseUrl !== null) {
    const { openPostgresStore } = await import('./postgres/store.ts')
    return openPostgresStore(databaseUrl)
  }
  const { openEmbeddedStore } = await import('./embedded/store.ts')
  return openEmbeddedStore(dataFolder())
}
