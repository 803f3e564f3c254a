import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createClient, createLogger, productShape, productsShape, read, startService } from '@shop/common'
import { assortment } from '../src/assortment.ts'
import { changeOf } from '../src/embedded/changes.ts'
import { openEmbeddedStore } from '../src/embedded/store.ts'
import { migrate, readMigrations } from '../src/migrate.ts'
import { productRoutes } from '../src/routes.ts'
import { seed } from '../src/seed.ts'

const migrations = await readMigrations(join(import.meta.dirname, '..', 'migrations'))

async function emptyStore(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'products-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return openEmbeddedStore(folder)
}

test('migrations are numbered without a gap', () => {
  assert.deepEqual(
    migrations.map(({ version }) => version),
    migrations.map((_, index) => index + 1),
  )
})

test('every migration has its counterpart in the stand-in', () => {
  for (const migration of migrations) assert.doesNotThrow(() => changeOf(migration))
})

test('migrating twice applies every migration once', async (context) => {
  const store = await emptyStore(context)
  assert.equal((await migrate(store, migrations)).length, migrations.length)
  assert.equal((await migrate(store, migrations)).length, 0)
})

test('a migration that was changed after it had been applied is refused by name', async (context) => {
  const store = await emptyStore(context)
  await migrate(store, migrations)
  const changed = migrations.map((migration) =>
    migration.version === 1 ? { ...migration, checksum: 'other' } : migration,
  )
  await assert.rejects(migrate(store, changed), /001_create_products\.sql was changed/)
})

test('seeding brings the whole assortment, leaves a shop with products alone when asked to, and may be repeated', async (context) => {
  const store = await emptyStore(context)
  await migrate(store, migrations)
  assert.equal(await seed(store, { onlyWhenEmpty: true }), assortment.length)
  assert.equal(await seed(store, { onlyWhenEmpty: true }), 0)
  await seed(store, { onlyWhenEmpty: false })
  assert.deepEqual(await store.products(), assortment)
})

test('no two products share an id, and each is what others will understand', () => {
  assert.equal(new Set(assortment.map(({ id }) => id)).size, assortment.length)
  for (const product of assortment) read(productShape, product)
})

test('the list is narrowed down by category and by id', async (context) => {
  const store = { products: async () => [...assortment] }
  const service = await startService({
    routes: productRoutes(store),
    logger: createLogger('products', () => {}),
    port: 0,
  })
  const client = createClient({ name: 'products', url: service.url })
  context.after(async () => {
    client.close()
    await service.stop()
  })
  const idsAt = async (path: string) => (await client.get(path, productsShape)).products.map(({ id }) => id)
  assert.deepEqual(await idsAt('/products?ids=honey,radio,nothing'), ['radio', 'honey'])
  assert.ok((await idsAt('/products?category=coffee')).includes('moka-pot'))
  assert.ok(!(await idsAt('/products?category=coffee')).includes('radio'))
  await assert.rejects(client.get('/products/nothing', productShape), { status: 404, code: 'no-such-product' })
})
