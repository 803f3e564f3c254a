import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Migration, ProductStore } from './store.ts'

/** All migrations in a folder: `001_create_products.sql`, by version. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const migrations: Migration[] = []
  for (const name of (await readdir(folder)).sort()) {
    const [, version] = /^(\d+)_\w+\.sql$/.exec(name) ?? []
    if (version === undefined) throw new Error(`${name} is not named like 001_create_products.sql`)
    const sql = await readFile(join(folder, name), 'utf8')
    migrations.push({ version: Number(version), name, sql, checksum: createHash('sha256').update(sql).digest('hex') })
  }
  const versions = new Set(migrations.map((migration) => migration.version))
  if (versions.size < migrations.length) throw new Error('two migrations have the same version')
  return migrations
}

/** Applies what has not been applied, in order, and answers it. Run again, or by two at once, it does nothing more. */
export function migrate(store: ProductStore, migrations: readonly Migration[]): Promise<Migration[]> {
  return store.exclusively(async () => {
    const applied = new Map((await store.appliedMigrations()).map(({ version, checksum }) => [version, checksum]))
    const changed = migrations.find(
      ({ version, checksum }) => applied.has(version) && applied.get(version) !== checksum,
    )
    if (changed !== undefined)
      throw new Error(`${changed.name} was changed after it had been applied: add another migration`)
    const pending = migrations.filter(({ version }) => !applied.has(version))
    for (const migration of pending) await store.apply(migration)
    return pending
  })
}
