/** A real PostgreSQL cluster in a temporary folder, with a password. It refuses to run as root: then it runs as another user. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { globSync } from 'node:fs'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, freePort, missingPart, startLocalServer } from './local-server.ts'

const execute = promisify(execFile)

export type PostgresPart = {
  password: string
  /** `postgresql://shop:password@127.0.0.1:port/<database>` */
  urlOf(database: string): string
  createDatabase(name: string): Promise<void>
  /** Runs a query and answers its rows, fields separated by `|`. */
  query(database: string, sql: string): Promise<string[]>
  stop(): Promise<void>
}

/** Debian keeps the server's programs off `PATH`, a folder a version; the newest first. */
const debianFolders = (): string[] => globSync('/usr/lib/postgresql/*/bin').sort().reverse()

const findServer = (environment: NodeJS.ProcessEnv): string | null =>
  findProgram('postgres', environment, debianFolders())

/** For `test({ skip })`. */
export const postgresMissing = (environment = process.env): string | false =>
  missingPart(findServer(environment), 'postgres is not installed (apt-get install postgresql)', environment)

const role = 'shop'

export async function startPostgres(environment = process.env): Promise<PostgresPart> {
  const program = findServer(environment)
  if (program === null) throw new Error('postgres is not installed, and in CI no part may be missing')
  const programs = dirname(program)
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-postgres-'))
  const data = join(folder, 'data')
  const password = randomBytes(16).toString('hex')
  const port = await freePort()
  const bare = { PATH: environment['PATH'] ?? '', LC_ALL: 'C' }
  const user = await unprivilegedUser()

  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) for (const path of [folder, passwordFile]) await chown(path, user.uid, user.gid)
  const settings = ['--username', role, '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--encoding', 'UTF8']
  await execute(join(programs, 'initdb'), ['--pgdata', data, '--no-sync', '--no-locale', ...settings], {
    env: bare,
    ...user,
  })
  const server = await startLocalServer({
    argv: [
      ...([program, '-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder] as const),
      // Nothing of it outlives the test: it need not reach the disk.
      ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'logging_collector=off'],
    ],
    ready: /database system is ready to accept connections/,
    // Fast shutdown: connections are closed, not waited for.
    stopSignal: 'SIGINT',
    environment: bare,
    ...(user && { user }),
  })

  const query = async (database: string, sql: string): Promise<string[]> => {
    const address = ['--host', '127.0.0.1', '--port', String(port), '--username', role, '--dbname', database]
    const { stdout } = await execute(
      findProgram('psql', environment, [programs]) ?? 'psql',
      ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', ...address, '--command', sql],
      { env: { ...bare, PGPASSWORD: password } },
    )
    return stdout.split('\n').filter((line) => line !== '')
  }
  return {
    password,
    urlOf: (database) => `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`,
    async createDatabase(name) {
      await query('postgres', `CREATE DATABASE "${name}"`)
    },
    query,
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Undefined where we are one ourselves. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([idOf(name, '-u'), idOf(name, '-g')])
      return { uid, gid }
    } catch {
      // No such user here.
    }
  }
  throw new Error('PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody')
}

const idOf = async (name: string, which: '-u' | '-g'): Promise<number> =>
  Number((await execute('id', [which, name])).stdout)
