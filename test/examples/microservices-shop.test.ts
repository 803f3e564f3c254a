/**
 * The shop as its reader has it: copied out, pushed to a bare remote, delivered by the real command line. Its stage has
 * the databases it was written for, where this machine has them; demo and prod the stand-ins that make it run anywhere.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createVisitor } from '../../examples/microservices-shop/e2e/visitor.ts'
import type { Plan } from '../../src/model/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { postgresMissing, startPostgres } from '../parts/postgres.ts'
import { redisMissing, startRedis } from '../parts/redis.ts'
import { openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { exampleFiles, registryVariables } from './example-files.ts'

const folder = fileURLToPath(new URL('../../examples/microservices-shop', import.meta.url))
const services = ['carts', 'checkout', 'email', 'frontend', 'payment', 'products', 'shipping']
const paymentKey = 'key-that-nobody-may-see'
const skip = redisMissing() || postgresMissing()

test('the shop is delivered to stage, promoted to demo, and approved into prod', async (t) => {
  const databases = skip === false ? await startDatabases() : null
  t.after(() => databases?.stop())
  await using project = await openShop(databases?.environment)

  await t.test('the first push checks and builds all seven services, and people can buy', async () => {
    const plan = await project.json<Plan>(0, ['plan'])
    const checks = plan.steps.filter((step) => step.kind === 'check').map((step) => step.id)
    assert.equal(checks.length, services.length + 1, 'the tests of every service, and of what they share')
    const ended = await project.trunkline(['deliver'])
    assert.equal(ended.exitCode, 0, ended.stderr)
    for (const secret of databases?.passwords ?? []) assert.ok(!ended.stderr.includes(secret))
    const artifacts = await artifactsIn(project, 'stage')
    assert.deepEqual([...artifacts.keys()].sort(), services)
    await buyHoney(await project.address('stage', 'frontend'))
  })

  await t.test('migrations ran before the first rollout, and an order ends up in Redis', { skip }, async () => {
    assert.ok(databases)
    const versions = await databases.query('SELECT version FROM schema_migrations ORDER BY version')
    assert.deepEqual(versions, ['1', '2'])
    assert.deepEqual(await databases.query('SELECT count(*) FROM products'), ['12'])
    const order = await buyHoney(await project.address('stage', 'frontend'))
    assert.deepEqual(await databases.redis('EXISTS', `order:${order}`), ['1'])
    const standIns = join(project.environment['HOME'] ?? '', '.microservices-shop')
    assert.equal(existsSync(standIns), false, 'no stand-in was used')
  })

  await t.test('seeding twice leaves each product once', { skip }, async () => {
    assert.equal((await project.trunkline(['run', 'stage', 'seed'])).exitCode, 0)
    assert.equal((await project.trunkline(['run', 'stage', 'seed'])).exitCode, 0)
    assert.deepEqual(await databases?.query('SELECT count(*) FROM products'), ['12'])
  })

  await t.test('a change in the package that two services share rebuilds these two', async () => {
    const source = await readFile(join(folder, 'packages/redis/src/index.ts'), 'utf8')
    await project.clone.commit('be patient', {
      'packages/redis/src/index.ts': source.replace('connectTimeout: 5000', 'connectTimeout: 6000'),
    })
    assert.deepEqual(await builds(project), ['carts', 'checkout'])
    await project.clone.git('reset', '--hard', 'HEAD~1')
  })

  await t.test('tests and documentation rebuild nothing', async () => {
    await project.clone.commit('say more', {
      'README.md': '# Morgen\n',
      'packages/common/test/money.test.ts': "import 'node:test'\n",
      'services/carts/test/routes.test.ts': "import 'node:test'\n",
    })
    assert.deepEqual(await builds(project), [])
    await project.clone.git('reset', '--hard', 'HEAD~1')
  })

  await t.test('a tag carries the same bytes to demo, where people can buy too', async () => {
    await project.clone.tag('rc-1')
    await project.clone.push('origin', 'rc-1')
    assert.equal((await project.json(0, ['deliver', '--ref', 'rc-1'])).outcome, 'succeeded')
    assert.deepEqual(await artifactsIn(project, 'demo'), await artifactsIn(project, 'stage'))
    await buyHoney(await project.address('demo', 'frontend'))
  })

  await t.test('prod waits for its approval', async () => {
    await project.clone.tag('v1.0.0')
    await project.clone.push('origin', 'v1.0.0')
    assert.equal((await project.json(0, ['deliver', '--ref', 'v1.0.0'])).outcome, 'waiting')
    assert.equal((await project.json(0, ['approve', 'prod'])).outcome, 'succeeded')
    assert.deepEqual(await artifactsIn(project, 'prod'), await artifactsIn(project, 'stage'))
    await buyHoney(await project.address('prod', 'frontend'))
  })

  await t.test('a new migration is applied once, before its service rolls', { skip }, async () => {
    await project.push('remember suppliers', {
      'services/products/migrations/003_suppliers.sql': 'CREATE TABLE suppliers (id text PRIMARY KEY);\n',
    })
    // The stand-in has no counterpart for it, which a unit test of the shop says: exactly what should stop this commit.
    const refused = await project.trunkline(['deliver'])
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /every migration has its counterpart in the stand-in/)
    const changes = await readFile(join(folder, 'services/products/src/embedded/changes.ts'), 'utf8')
    await project.push('and in the stand-in', {
      'services/products/src/embedded/changes.ts': changes.replace(
        '  1: () => [],',
        '  1: () => [],\n  3: (rows) => rows,',
      ),
    })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.deepEqual(await databases?.query('SELECT count(*) FROM schema_migrations'), ['3'])
    assert.deepEqual(await databases?.query('SELECT count(*) FROM suppliers'), ['0'])
  })

  await t.test('a commit whose unit tests are green and whose services do not fit is taken back', async () => {
    const before = await artifactsIn(project, 'stage')
    const neighbours = await readFile(join(folder, 'services/checkout/src/neighbours.ts'), 'utf8')
    await project.push('rename a parameter', {
      'services/checkout/src/neighbours.ts': neighbours.replace('subtotalCents=$', 'subtotal=$'),
    })
    const ended = await project.trunkline(['deliver'])
    assert.equal(ended.exitCode, 1, ended.stderr)
    assert.match(ended.stderr, /two products go into the cart: no amount like .* at \/cart/)
    assert.deepEqual(await artifactsIn(project, 'stage'), before)
    await buyHoney(await project.address('stage', 'frontend'))
  })

  await t.test('its secrets are in no event and no record of the ledger', async () => {
    const state = await project.remote.git('for-each-ref', '--format=%(refname)', 'refs/trunkline')
    for (const ref of state.split('\n')) {
      const everything = await project.remote.git('log', '-p', '--format=%B', ref, '--')
      for (const secret of [paymentKey, ...(databases?.passwords ?? [])]) assert.ok(!everything.includes(secret), ref)
    }
  })
})

async function startDatabases() {
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  await postgres.createDatabase('stage')
  return {
    environment: { STAGE_REDIS_URL: redis.url, STAGE_DATABASE_URL: postgres.urlOf('stage') },
    passwords: [redis.password, postgres.password],
    redis: (...words: string[]) => redis.command(...words),
    query: (statement: string) => postgres.query('stage', statement),
    stop: () => Promise.all([redis.stop(), postgres.stop()]),
  }
}

/** A clone of its own. */
async function openShop(environment: Record<string, string> = {}): Promise<ProjectUnderTest> {
  return openProject({
    files: await exampleFiles(folder),
    environment: {
      ...registryVariables(),
      PROD_PAYMENT_KEY: paymentKey,
      ...environment,
    },
  })
}

/** Services that a delivery of HEAD would build. */
async function builds(project: ProjectUnderTest): Promise<string[]> {
  const plan = await project.json<Plan>(0, ['plan'])
  return plan.services.flatMap(({ name, action }) => (action === 'build' ? [name] : [])).sort()
}

async function artifactsIn(project: ProjectUnderTest, environment: string): Promise<Map<string, string>> {
  const { environments } = await project.json<StatusDocument>(0, ['status', environment])
  const [found] = environments
  assert.equal(found?.health, 'healthy')
  return new Map(found?.services.map(({ name, artifact }) => [name, artifact]))
}

/** A jar of honey, as a customer buys it; answers the order's id. */
async function buyHoney(address: string): Promise<string> {
  const visitor = createVisitor(address)
  await visitor.post('/cart/items', { product: 'honey', quantity: '1' })
  const form = await visitor.get('/checkout?country=FR')
  const page = await visitor.post('/checkout', {
    ...Object.fromEntries(form.hiddenFields()),
    ...{ name: 'Grace Hopper', email: 'grace@example.com', street: 'Rue 1', postalCode: '75001', city: 'Paris' },
    ...{ number: '5555 5555 5555 4444', expires: '12/49', code: '123' },
  })
  assert.equal(page.heading, 'Thank you, Grace', page.html)
  const [, , order = ''] = page.path.split('/')
  return order
}
