/**
 * The stand-in for PostgreSQL: one file, replaced as a whole at every change, with the same migrations on record. Only
 * migrations and tasks write it, and an environment runs one of these at a time: it needs no lock of its own.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { integer, listOf, object, productShape, read, text } from '@shop/common'
import type { ProductStore } from '../store.ts'
import { changeOf } from './changes.ts'

const documentShape = object({
  migrations: listOf(object({ version: integer(), name: text(), checksum: text() })),
  /** Null before the migration that makes the table. */
  products: (value: unknown): unknown[] | null => (Array.isArray(value) ? value : null),
})
const empty = { migrations: [], products: null }

export async function openEmbeddedStore(folder: string): Promise<ProductStore> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'products.json')

  async function load() {
    const json = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return JSON.stringify(empty)
      throw error
    })
    return read(documentShape, JSON.parse(json))
  }
  async function replace(document: Awaited<ReturnType<typeof load>>): Promise<void> {
    const written = `${file}.${randomUUID()}.new`
    await writeFile(written, JSON.stringify(document, null, 2))
    await rename(written, file)
  }
  const rowsOf = (document: Awaited<ReturnType<typeof load>>): unknown[] => {
    if (document.products === null) throw new Error('there is no table of products: run `migrate` first')
    return document.products
  }

  return {
    async products() {
      return read(listOf(productShape), rowsOf(await load()))
    },
    async save(products) {
      const document = await load()
      const ids = new Set(products.map((product) => product.id))
      const others = read(listOf(productShape), rowsOf(document)).filter((product) => !ids.has(product.id))
      await replace({ ...document, products: [...products, ...others] })
    },
    async appliedMigrations() {
      return (await load()).migrations
    },
    async apply(migration) {
      const document = await load()
      const { version, name, checksum } = migration
      await replace({
        migrations: [...document.migrations, { version, name, checksum }],
        products: changeOf(migration)(document.products),
      })
    },
    exclusively: (work) => work(),
    async close() {},
  }
}
