/** Hasura's HTTP API, as far as a deployment needs it. */
import { setTimeout as sleep } from 'node:timers/promises'

export type Hasura = {
  /** Waits until it is healthy. */
  ready(): Promise<void>
  /** Runs statements in one transaction; answers the rows of a query, with the names of its columns first. */
  sql(source: string, text: string): Promise<string[][]>
  metadata<Answer>(type: string, args: object, version?: number): Promise<Answer>
}

export type HasuraOptions = {
  url: string
  adminSecret: string
  /** How long one request may take: a migration may rewrite a table. */
  requestTimeoutMs?: number
  /** How long it may take to get healthy. */
  readyTimeoutMs?: number
}

/** Told to people as it is: `message` says what to do something about. */
export class HasuraError extends Error {
  override readonly name = 'HasuraError'
}

const pollMs = 500

export function createHasura(options: HasuraOptions): Hasura {
  const { url, adminSecret, requestTimeoutMs = 300_000, readyTimeoutMs = 60_000 } = options

  async function post(path: string, body: object): Promise<unknown> {
    const answer = await ask(path, requestTimeoutMs, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hasura-admin-secret': adminSecret },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (answer.status === 401)
      throw new HasuraError('Hasura refuses the admin secret: look at HASURA_GRAPHQL_ADMIN_SECRET')
    if (!answer.ok) throw new HasuraError(explained(text) ?? `Hasura answered ${answer.status} to ${path}`)
    try {
      return JSON.parse(text)
    } catch {
      throw new HasuraError(`what answers ${new URL(path, url).host}${path} is not Hasura`)
    }
  }

  async function ask(path: string, timeoutMs: number, request: RequestInit): Promise<Response> {
    try {
      return await fetch(new URL(path, url), { ...request, signal: AbortSignal.timeout(timeoutMs) })
    } catch (error) {
      const why =
        error instanceof Error && error.name === 'TimeoutError'
          ? `no answer within ${timeoutMs / 1000} s`
          : causeOf(error)
      throw new HasuraError(`Hasura at ${new URL(url).host} cannot be asked: ${why}`)
    }
  }

  return {
    async ready() {
      const until = Date.now() + readyTimeoutMs
      for (;;) {
        const why = await ask('/healthz', 5000, {}).then(
          ({ ok, status }) => (ok ? null : `it answers ${status}`),
          (error: Error) => error.message,
        )
        if (why === null) return
        if (Date.now() >= until)
          throw new HasuraError(`Hasura did not get healthy within ${readyTimeoutMs / 1000} s: ${why}`)
        await sleep(pollMs)
      }
    },
    async sql(source, text) {
      const answer = await post('/v2/query', { type: 'run_sql', args: { source, sql: text } })
      const { result_type: kind, result } = answer as { result_type: string; result: string[][] | null }
      return kind === 'TuplesOk' && result !== null ? result : []
    },
    async metadata<Answer>(type: string, args: object, version?: number) {
      return (await post('/v1/metadata', { type, ...(version === undefined ? {} : { version }), args })) as Answer
    },
  }
}

type Refusal = {
  error?: string
  internal?: { error?: { message?: string; description?: string | null } } | InconsistentObject[]
}
export type InconsistentObject = { type: string; name?: string; reason: string }

/** What Hasura says, and what the database or the metadata says behind it. */
function explained(text: string): string | null {
  try {
    const { error, internal } = JSON.parse(text) as Refusal
    if (error === undefined) return null
    if (Array.isArray(internal)) return [`${error}:`, ...internal.map(told)].join('\n')
    const database = [internal?.error?.message, internal?.error?.description].filter(Boolean).join(' ')
    return database === '' || database === error ? error : `${error}: ${database}`
  } catch {
    return null
  }
}

export const told = ({ type, name, reason }: InconsistentObject): string => `  ${name ?? type}: ${reason}`

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : String(cause)
}
