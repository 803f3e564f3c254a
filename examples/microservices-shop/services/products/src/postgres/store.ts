import { categories, integer, object, oneOf, type Product, read, text } from '@shop/common'
import pg from 'pg'
import type { ProductStore } from '../store.ts'

const rowShape = object({
  id: text(),
  name: text(),
  description: text({ max: 1000 }),
  category: oneOf(...categories),
  price_cents: integer({ min: 1 }),
})

/** Any number that nothing else in this database locks. */
const migrationLock = 72_616_974

export function openPostgresStore(url: string): ProductStore {
  const pool = new pg.Pool({
    connectionString: url,
    max: 8,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 10_000,
  })
  // A lost idle connection is replaced when one is needed; without a listener it would end the process.
  pool.on('error', () => {})

  /** All or nothing, on one connection. */
  async function transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      client.release()
      return result
    } catch (error) {
      // Closing the connection rolls back, whatever state it is in.
      client.release(true)
      throw error
    }
  }

  return {
    async products() {
      const { rows } = await pool.query(
        'SELECT id, name, description, category, price_cents FROM products ORDER BY position, id',
      )
      return rows.map((row): Product => {
        const { price_cents: priceCents, ...product } = read(rowShape, row)
        return { ...product, priceCents }
      })
    },

    save: (products) =>
      transaction(async (client) => {
        for (const [position, { id, name, description, category, priceCents }] of products.entries()) {
          await client.query(
            `INSERT INTO products (id, name, description, category, price_cents, position)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET
               name = excluded.name, description = excluded.description, category = excluded.category,
               price_cents = excluded.price_cents, position = excluded.position`,
            [id, name, description, category, priceCents, position],
          )
        }
      }),

    async appliedMigrations() {
      const { rows } = await pool.query('SELECT version, checksum FROM schema_migrations ORDER BY version')
      return rows.map((row) => read(object({ version: integer(), checksum: text() }), row))
    },

    apply: ({ version, name, sql, checksum }) =>
      transaction(async (client) => {
        await client.query(sql)
        await client.query('INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)', [
          version,
          name,
          checksum,
        ])
      }),

    async exclusively(work) {
      const client = await pool.connect()
      try {
        await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
        await client.query(
          `CREATE TABLE IF NOT EXISTS schema_migrations (
             version integer PRIMARY KEY,
             name text NOT NULL,
             checksum text NOT NULL,
             applied_at timestamptz NOT NULL DEFAULT now()
           )`,
        )
        return await work()
      } finally {
        // The lock ends with its connection.
        client.release(true)
      }
    },

    close: () => pool.end(),
  }
}
