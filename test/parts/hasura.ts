/**
 * Stands in for Hasura's server, which cannot be had here: the part of its HTTP API that deployments use, as its
 * documentation has it (https://hasura.io/docs/2.0/api-reference/), strict about what it is sent, in front of a real
 * PostgreSQL. Metadata is checked against the tables that are really there.
 */
import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { PostgresPart } from './postgres.ts'

const execute = promisify(execFile)

export type HasuraPart = {
  url: string
  adminSecret: string
  /** What was asked, in order: `run_sql`, `replace_metadata`, … */
  asked: string[]
  /** What its catalog holds for Hasura's command line. */
  cliState(): unknown
  metadata(): unknown
  /** Called before each request is done; throwing hangs up, as a server that dies does. */
  beforeEach: (type: string, args: Mapping) => void
  /** Called after a request is done and before it is answered. */
  afterEach: (type: string, args: Mapping) => void
  stop(): Promise<void>
}

export type HasuraStandInOptions = { postgres: PostgresPart; database: string; adminSecret: string }

type Mapping = Record<string, unknown>
type Inconsistent = { type: string; name: string; reason: string; definition: unknown }

/** Answered with its status, in the words of Hasura. */
class Refusal extends Error {
  readonly status: number
  readonly body: object
  constructor(status: number, code: string, error: string, more: object = {}) {
    super(error)
    this.status = status
    this.body = { error, path: '$', code, ...more }
  }
}

export async function startHasura({ postgres, database, adminSecret }: HasuraStandInOptions): Promise<HasuraPart> {
  const catalog = { cli: {} as unknown, console: {} as unknown }
  let metadata: Mapping = { version: 3, sources: [] }
  const psql = async (sql: string): Promise<string[][] | null> => {
    try {
      const { stdout } = await execute(
        'psql',
        ['--no-psqlrc', '--quiet', '--csv', '--set', 'ON_ERROR_STOP=1', '--command', sql, postgres.urlOf(database)],
        { env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } },
      )
      const rows = stdout.split('\n').filter((line) => line !== '')
      return rows.length === 0 ? null : rows.map((line) => line.split(','))
    } catch (error) {
      const message = /ERROR: {2}(.*)/.exec(String((error as { stderr?: string }).stderr))?.[1] ?? 'unknown'
      throw new Refusal(400, 'postgres-error', 'query execution failed', {
        internal: { statement: sql, prepared: false, arguments: [], error: { exec_status: 'FatalError', message } },
      })
    }
  }

  async function inconsistencies(given: Mapping): Promise<Inconsistent[]> {
    const [source] = listAt(given, 'sources')
    if (source === undefined) return []
    const rows = await psql(`SELECT table_schema || '.' || table_name FROM information_schema.tables`)
    const known = new Set(rows?.flat())
    return listAt(source, 'tables').flatMap((table): Inconsistent[] => {
      const { schema, name } = table['table'] as { schema: string; name: string }
      if (known.has(`${schema}.${name}`)) return []
      const reason = `Inconsistent object: no such table/view exists in source: "${name}"`
      return [{ type: 'table', name: `table ${name} in source default`, reason, definition: table['table'] }]
    })
  }
  const consistency = async () => {
    const objects = await inconsistencies(metadata)
    return { is_consistent: objects.length === 0, inconsistent_objects: objects }
  }

  async function query(type: unknown, args: Mapping) {
    if (type !== 'run_sql') throw new Refusal(400, 'parse-failed', `unknown type ${String(type)}`)
    only(args, ['source', 'sql', 'cascade', 'check_metadata_consistency', 'read_only'])
    if (args['source'] !== 'default') {
      throw new Refusal(400, 'not-exists', `source with name "${String(args['source'])}" does not exist`)
    }
    const rows = await psql(text(args, 'sql'))
    return rows === null ? { result_type: 'CommandOk', result: null } : { result_type: 'TuplesOk', result: rows }
  }

  async function administer(type: unknown, args: Mapping, version: unknown) {
    switch (type) {
      case 'get_catalog_state':
        only(args, [])
        return { id: '7a9c1c7e-0000-4000-8000-000000000000', cli_state: catalog.cli, console_state: catalog.console }
      case 'set_catalog_state': {
        only(args, ['type', 'state'])
        const which = text(args, 'type')
        if (which !== 'cli' && which !== 'console')
          throw new Refusal(400, 'parse-failed', 'expected "cli" or "console"')
        catalog[which] = args['state']
        return { message: 'success' }
      }
      case 'replace_metadata': {
        if (version !== 2) throw new Refusal(400, 'parse-failed', 'key "version": expected 2')
        only(args, ['metadata', 'allow_inconsistent_metadata'])
        const wanted = args['metadata'] as Mapping
        if (wanted['version'] !== 3) throw new Refusal(400, 'parse-failed', 'unexpected metadata version')
        only(wanted, ['version', 'sources', 'actions', 'custom_types'])
        const objects = await inconsistencies(wanted)
        if (objects.length > 0 && args['allow_inconsistent_metadata'] !== true) {
          throw new Refusal(400, 'unexpected', 'cannot continue due to inconsistent metadata', { internal: objects })
        }
        metadata = wanted
        return await consistency()
      }
      case 'reload_metadata':
        only(args, ['reload_remote_schemas', 'reload_sources', 'recreate_event_triggers'])
        return { message: 'success', ...(await consistency()) }
      case 'get_inconsistent_metadata':
        only(args, [])
        return await consistency()
      default:
        throw new Refusal(400, 'parse-failed', `unknown metadata command ${String(type)}`)
    }
  }

  async function answer(request: IncomingMessage): Promise<object> {
    if (request.headers['x-hasura-admin-secret'] !== adminSecret) {
      throw new Refusal(401, 'access-denied', 'invalid x-hasura-admin-secret/x-hasura-access-key')
    }
    if (request.method !== 'POST') throw new Refusal(404, 'not-found', 'resource does not exist')
    if (request.headers['content-type'] !== 'application/json') throw new Refusal(400, 'invalid-headers', 'no JSON')
    const body = JSON.parse(await bodyOf(request)) as { type: string; args: Mapping; version?: number }
    only(body, ['type', 'args', 'version', 'resource_version'])
    const { type, args, version } = body
    part.beforeEach(type, args)
    part.asked.push(type)
    const result = await done(request.url, type, args, version)
    part.afterEach(type, args)
    return result
  }
  const done = async (path: string | undefined, type: string, args: Mapping, version: unknown): Promise<object> => {
    if (path === '/v2/query') return await query(type, args)
    if (path === '/v1/metadata') return await administer(type, args, version)
    throw new Refusal(404, 'not-found', 'resource does not exist')
  }

  const server = createServer(async (request, response) => {
    const reply = (status: number, body: object | string) => {
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    if (request.url === '/healthz') return reply(200, 'OK')
    try {
      reply(200, await answer(request))
    } catch (error) {
      if (error instanceof Refusal) reply(error.status, error.body)
      else request.socket.destroy()
    }
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const part: HasuraPart = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    adminSecret,
    asked: [],
    cliState: () => catalog.cli,
    metadata: () => metadata,
    beforeEach: () => {},
    afterEach: () => {},
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return part
}

function only(given: object, keys: readonly string[]): void {
  const unknown = Object.keys(given).filter((key) => !keys.includes(key))
  if (unknown.length > 0) throw new Refusal(400, 'parse-failed', `unexpected keys: ${unknown.join(', ')}`)
}

function text(args: Mapping, key: string): string {
  const value = args[key]
  if (typeof value !== 'string') throw new Refusal(400, 'parse-failed', `key "${key}" not found`)
  return value
}

const listAt = (given: Mapping, key: string): Mapping[] => (given[key] ?? []) as Mapping[]

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
