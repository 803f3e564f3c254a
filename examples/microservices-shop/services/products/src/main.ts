/** Products: what is for sale. `main.cjs` serves, `main.cjs migrate` and `main.cjs seed [--when-empty]` tend the data. */
import { join } from 'node:path'
import { createLogger, startService, stopOnSignal } from '@shop/common'
import { migrate, readMigrations } from './migrate.ts'
import { productRoutes } from './routes.ts'
import { seed } from './seed.ts'
import { openProductStore } from './store.ts'

/** Beside `dist/` in the artifact, beside `src/` in the repository. */
const migrationsFolder = join(import.meta.dirname, '..', 'migrations')

async function main([command = 'serve', ...options]: string[]) {
  const store = await openProductStore()
  if (command === 'serve') {
    const logger = createLogger('products')
    const service = await startService({ routes: productRoutes(store), logger })
    stopOnSignal(service, logger, () => store.close())
    return
  }
  try {
    if (command === 'migrate') {
      const applied = await migrate(store, await readMigrations(migrationsFolder))
      for (const { name } of applied) console.log(`applied ${name}`)
      if (applied.length === 0) console.log('nothing to migrate')
    } else if (command === 'seed') {
      const count = await seed(store, { onlyWhenEmpty: options.includes('--when-empty') })
      console.log(count === 0 ? 'there are products already' : `${count} products in the assortment`)
    } else {
      throw new Error(`there is no command ${command}: serve, migrate or seed`)
    }
  } finally {
    await store.close()
  }
}

main(process.argv.slice(2))
