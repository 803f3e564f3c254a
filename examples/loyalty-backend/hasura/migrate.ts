/**
 * Applies `migrations/<source>/<version>_<name>/up.sql`, each once, and writes down which are applied where Hasura's own
 * command line does (`hasura migrate status` shows them). A version is marked as begun before it runs, and is written
 * into the database by the transaction that it is: killed anywhere, the next run knows what happened and goes on.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Hasura, HasuraError } from './hasura.ts'

type Migration = { version: string; name: string; file: string }

/** As Hasura's command line keeps it: version to whether it is dirty, that is begun and not known to have ended. */
type CliState = {
  settings?: Record<string, string>
  migrations?: Record<string, Record<string, boolean>>
  isStateCopyCompleted?: boolean
}

const createMarks = `CREATE SCHEMA IF NOT EXISTS deployment;
CREATE TABLE IF NOT EXISTS deployment.migration (version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());`

export async function migrate(hasura: Hasura, folder: string, say: (line: string) => void): Promise<void> {
  for (const source of await foldersIn(join(folder, 'migrations'))) {
    const migrations = await migrationsIn(join(folder, 'migrations', source))
    const { cli_state: state } = await hasura.metadata<{ cli_state: CliState }>('get_catalog_state', {})
    const applied = { ...state.migrations?.[source] }
    const mark = async (version: string, isDirty: boolean) => {
      applied[version] = isDirty
      await hasura.metadata('set_catalog_state', {
        type: 'cli',
        state: {
          ...state,
          settings: { migration_mode: 'true', ...state.settings },
          migrations: { ...state.migrations, [source]: applied },
          isStateCopyCompleted: true,
        },
      })
    }
    assertInOrder(migrations, applied)
    const missing = migrations.filter(({ version }) => applied[version] !== false)
    if (missing.length > 0) await hasura.sql(source, createMarks)
    for (const { version, name, file } of missing) {
      if (applied[version] === true && (await isMarked(hasura, source, version))) {
        say(`${source}: ${version} ${name} had ended`)
      } else {
        await mark(version, true)
        await run(hasura, source, { version, name, file })
        say(`${source}: ${version} ${name}`)
      }
      await mark(version, false)
    }
    say(missing.length === 0 ? `${source}: nothing to apply` : `${source}: ${missing.length} applied`)
  }
}

async function run(hasura: Hasura, source: string, { version, name, file }: Migration): Promise<void> {
  const text = (await readFile(file, 'utf8')).trim().replace(/;$/, '')
  // A transaction of its own would end the one that the mark is in.
  if (/^\s*(?:BEGIN|COMMIT|ROLLBACK|START)(?:\s+(?:WORK|TRANSACTION))?\s*;/im.test(text)) {
    throw new HasuraError(`${version}_${name} begins or ends transactions: each migration is one already`)
  }
  try {
    await hasura.sql(source, `${text};\nINSERT INTO deployment.migration (version) VALUES (${version});`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new HasuraError(`${version}_${name} failed, and none of it is applied: ${why}`)
  }
}

async function isMarked(hasura: Hasura, source: string, version: string): Promise<boolean> {
  const rows = await hasura.sql(source, `SELECT version FROM deployment.migration WHERE version = ${version}`)
  return rows.length > 1 // The first has the names of the columns.
}

/** One that is older than what is applied was merged late: it would run on tables that it has never seen. */
function assertInOrder(migrations: readonly Migration[], applied: Record<string, boolean>): void {
  const newest = Object.keys(applied)
    .filter((version) => applied[version] === false)
    .map(Number)
  const last = Math.max(0, ...newest)
  const late = migrations.find(({ version }) => !Object.hasOwn(applied, version) && Number(version) < last)
  if (late !== undefined) {
    throw new HasuraError(`${late.version}_${late.name} is older than ${last}, which is applied: give it a new version`)
  }
}

const foldersIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true })).flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()

async function migrationsIn(folder: string): Promise<Migration[]> {
  const migrations = (await foldersIn(folder)).map((entry): Migration => {
    const { version, name } = /^(?<version>\d{1,18})_(?<name>\w+)$/.exec(entry)?.groups ?? {}
    if (version === undefined || name === undefined) throw new HasuraError(`${entry} is no <version>_<name>`)
    return { version, name, file: join(folder, entry, 'up.sql') }
  })
  return migrations.sort((one, other) => Number(one.version) - Number(other.version))
}
