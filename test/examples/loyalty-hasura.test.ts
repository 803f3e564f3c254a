/** What applies Hasura's migrations and metadata in the example: as a process, over HTTP, in front of a real PostgreSQL. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { createHasura, HasuraError } from '../../examples/loyalty-backend/hasura/hasura.ts'
import { applyMetadata, assertConsistent } from '../../examples/loyalty-backend/hasura/metadata.ts'
import { migrate } from '../../examples/loyalty-backend/hasura/migrate.ts'
import { seed } from '../../examples/loyalty-backend/hasura/seed.ts'
import { type HasuraPart, startHasura } from '../parts/hasura.ts'
import { type PostgresPart, postgresMissing, startPostgres } from '../parts/postgres.ts'

const example = join(import.meta.dirname, '..', '..', 'examples', 'loyalty-backend')

describe('migrations and metadata of Hasura', { skip: postgresMissing(), timeout: 300_000 }, () => {
  let postgres: PostgresPart
  let hasura: HasuraPart
  let folder: string
  let database = 0

  before(async () => {
    postgres = await startPostgres()
  })
  after(() => postgres?.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trunkline-loyalty-'))
    for (const part of ['hasura', 'data', 'package.json']) {
      await cp(join(example, part), join(folder, part), { recursive: true })
    }
    database += 1
    await postgres.createDatabase(`loyalty_${database}`)
    hasura = await startHasura({ postgres, database: `loyalty_${database}`, adminSecret: 'secret' })
  })
  afterEach(async () => {
    await hasura.stop()
    await rm(folder, { recursive: true, force: true })
  })

  type Ended = { exitCode: number; said: string }
  const run = (script: string, words: string[] = [], env: Record<string, string> = {}): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(folder, script), ...words],
        { env: { HASURA_URL: hasura.url, HASURA_GRAPHQL_ADMIN_SECRET: 'secret', ...env }, timeout: 60_000 },
        (error, stdout, stderr) =>
          resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), said: (stdout + stderr).trim() }),
      )
    })
  const commands = { migrate, metadata: applyMetadata, seed, check: assertConsistent }
  /** What `hasura/main.ts` does, in this process. */
  const apply = async (command: keyof typeof commands): Promise<Ended> => {
    const said: string[] = []
    const client = createHasura({ url: hasura.url, adminSecret: 'secret' })
    try {
      await commands[command](client, join(folder, 'hasura'), (line) => void said.push(line))
      return { exitCode: 0, said: said.join('\n') }
    } catch (error) {
      if (!(error instanceof HasuraError)) throw error
      return { exitCode: 1, said: error.message }
    }
  }
  const query = (sql: string) => postgres.query(`loyalty_${database}`, sql)
  const addMigration = async (name: string, sql: string) => {
    await mkdir(join(folder, 'hasura/migrations/default', name))
    await writeFile(join(folder, 'hasura/migrations/default', name, 'up.sql'), sql)
  }
  const versions = { '1767225600000': false, '1769904000000': false }

  test('each migration runs once, and is written down as the command line of Hasura does', async () => {
    const first = await apply('migrate')
    assert.equal(first.exitCode, 0, first.said)
    assert.match(first.said, /default: 1767225600000 create_loyalty\n.*index_entries_by_customer\ndefault: 2 applied/)
    assert.deepEqual(hasura.cliState(), {
      settings: { migration_mode: 'true' },
      migrations: { default: versions },
      isStateCopyCompleted: true,
    })
    assert.deepEqual(await query('SELECT count(*) FROM reward'), ['0'])
    hasura.asked.length = 0
    assert.deepEqual(await apply('migrate'), { exitCode: 0, said: 'default: nothing to apply' })
    assert.deepEqual(hasura.asked, ['get_catalog_state'])
  })

  test('a connection lost before or after a migration was done leaves nothing half, and the next run ends it', async () => {
    const notes = { beforeEach: '1800000000001_note', afterEach: '1800000000002_other_note' }
    for (const moment of ['beforeEach', 'afterEach'] as const) {
      await addMigration(notes[moment], `CREATE TABLE note_${moment} ();`)
      let isLost = false
      hasura[moment] = (type, args) => {
        if (type !== 'run_sql' || !String(args['sql']).includes('CREATE TABLE note') || isLost) return
        isLost = true
        throw new Error('the connection is lost')
      }
      const lost = await apply('migrate')
      assert.equal(lost.exitCode, 1)
      assert.match(lost.said, /cannot be asked/)
      const again = await apply('migrate')
      assert.equal(again.exitCode, 0, again.said)
      assert.equal(/had ended/.test(again.said), moment === 'afterEach', again.said)
      assert.deepEqual(await query(`SELECT count(*) FROM note_${moment}`), ['0'])
    }
  })

  test('a migration that fails is not applied at all, and says what the database says', async () => {
    await addMigration('1800000000000_broken', 'CREATE TABLE half (); ALTER TABLE nobody ADD COLUMN x int;')
    const failed = await apply('migrate')
    assert.equal(failed.exitCode, 1)
    assert.match(
      failed.said,
      /1800000000000_broken failed, and none of it is applied: .*relation "nobody" does not exist/,
    )
    assert.deepEqual(await query("SELECT to_regclass('half') IS NULL"), ['t'])
    await writeFile(join(folder, 'hasura/migrations/default/1800000000000_broken/up.sql'), 'CREATE TABLE half ();')
    assert.equal((await apply('migrate')).exitCode, 0)
    assert.deepEqual(await query("SELECT to_regclass('half') IS NULL"), ['f'])
  })

  test('a migration with transactions of its own, one merged late, and one without a version are refused', async () => {
    await addMigration('1800000000000_own', 'CREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();')
    assert.match((await apply('migrate')).said, /begins or ends transactions/)
    await rm(join(folder, 'hasura/migrations/default/1800000000000_own'), { recursive: true })
    await addMigration('1760000000000_late', 'SELECT 1')
    assert.match((await apply('migrate')).said, /1760000000000_late is older than 1769904000000/)
    await addMigration('newest', 'SELECT 1')
    assert.match((await apply('migrate')).said, /newest is no <version>_<name>/)
  })

  test('metadata is replaced whole or not at all: before its tables are there, it says which it misses', async () => {
    const early = await apply('metadata')
    assert.equal(early.exitCode, 1)
    assert.match(early.said, /inconsistent metadata:\n {2}table customer in source default: .*no such table/)
    assert.deepEqual(hasura.metadata(), { version: 3, sources: [] })
    await apply('migrate')
    const applied = await apply('metadata')
    assert.deepEqual(applied, { exitCode: 0, said: 'metadata applied, and consistent' })
    assert.deepEqual(hasura.metadata(), JSON.parse(await readFile(join(folder, 'hasura/metadata.json'), 'utf8')))
    assert.equal((await apply('check')).exitCode, 0)
    await query('DROP TABLE purchase')
    assert.match((await apply('check')).said, /the metadata is inconsistent:\n {2}table purchase/)
  })

  test('seeds and jobs may run again and again', async () => {
    await apply('migrate')
    for (const _ of [1, 2]) assert.equal((await apply('seed')).exitCode, 0)
    assert.deepEqual(await query('SELECT count(*) FROM reward'), ['3'])
    assert.match((await run('data/update-images.ts')).said, /new picture: Dessert[\s\S]*3 changed/)
    assert.equal((await run('data/update-images.ts')).said, '0 changed')
    await query("INSERT INTO entry (customer_id, points) SELECT id, 7 FROM customer WHERE name = 'Grace'")
    assert.equal((await run('data/hotfix-recount-points.ts')).said, '1 recounted')
    assert.deepEqual(await query("SELECT points FROM customer WHERE name = 'Grace'"), ['7'])
  })

  test('what is wrong around it is said in a sentence', async () => {
    const main = (word: string, env: Record<string, string> = {}) => run('hasura/main.ts', [word], env)
    assert.match((await main('migrate')).said, /2 applied/)
    const refused = await main('migrate', { HASURA_GRAPHQL_ADMIN_SECRET: 'guess' })
    assert.deepEqual(refused, {
      exitCode: 1,
      said: 'Hasura refuses the admin secret: look at HASURA_GRAPHQL_ADMIN_SECRET',
    })
    assert.equal((await main('migrations')).said, 'migrate, metadata, seed or check?')
  })
})
