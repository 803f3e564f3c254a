import type { LogLine, LogQuery } from '../../ports/index.ts'
import type { OperationOutput, Scope } from './agent/protocol.ts'
import type { FleetHost } from './fleet-host.ts'
import { onHost } from './fleet-host.ts'

const waitMs = 10_000

type Page = OperationOutput['logs']
type Pages = AsyncGenerator<LogLine[], void, undefined>

/**
 * The last lines of a service's instances on all hosts, by time; with `follow` also those to come, until the signal is
 * aborted. With several hosts an instance is named `host/instance`.
 */
export async function* followLogs(
  hosts: readonly FleetHost[],
  scope: Scope,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const ending = new AbortController()
  const ended = AbortSignal.any([signal, ending.signal])
  const sources = hosts.map((host) => pagesOf(host, hosts.length > 1, scope, query, ended))
  try {
    const first = await Promise.all(sources.map((source) => source.next()))
    const lines = first.flatMap(({ value }) => value ?? []).sort((left, right) => compare(left.at, right.at))
    // No more than were asked for, whatever the number of hosts.
    if (query.lines > 0) yield* lines.slice(-query.lines)
    if (query.follow) for await (const page of asTheyCome(sources)) yield* page
  } finally {
    ending.abort()
  }
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** One host's pages of lines; the first at once. */
async function* pagesOf(host: FleetHost, isNamed: boolean, scope: Scope, query: LogQuery, signal: AbortSignal): Pages {
  let cursor: Page['cursor'] | null = null
  do {
    const page = await nextPage(host, scope, query, cursor, signal)
    if (page === null) return
    yield isNamed ? page.lines.map((line) => ({ ...line, instance: `${host.name}/${line.instance}` })) : page.lines
    cursor = page.cursor
  } while (query.follow)
}

/** null: whoever follows has had enough, or nothing ever ran there. */
async function nextPage(
  host: FleetHost,
  scope: Scope,
  { service, lines }: LogQuery,
  cursor: Page['cursor'] | null,
  signal: AbortSignal,
): Promise<Page | null> {
  try {
    const input = { scope, service, instance: null, lines, cursor, waitMs }
    return await onHost(host, ({ link }) => link.askAgent((agent) => agent.call('logs', input, signal), signal))
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** What several sources give, in the order in which it comes. */
async function* asTheyCome(sources: readonly Pages[]): Pages {
  const next = async (source: Pages) => ({ source, result: await source.next() })
  const waiting = new Map(sources.map((source) => [source, next(source)]))
  while (waiting.size > 0) {
    const { source, result } = await Promise.race(waiting.values())
    if (result.done) waiting.delete(source)
    else {
      waiting.set(source, next(source))
      yield result.value
    }
  }
}
