import type { LogLine, LogQuery } from '../../ports/index.ts'
import type { OperationOutput, Scope } from './agent/protocol.ts'
import type { AgentLink } from './agent-link.ts'

const waitMs = 10_000

/** The last lines of a service's instances; with `follow` also those to come, until the signal is aborted. */
export async function* followLogs(
  link: AgentLink,
  scope: Scope,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  let cursor: OperationOutput['logs']['cursor'] | null = null
  do {
    const page = await nextPage(link, scope, query, cursor, signal)
    if (page === null) return
    yield* page.lines
    cursor = page.cursor
  } while (query.follow)
}

/** null: whoever follows has had enough. */
async function nextPage(
  link: AgentLink,
  scope: Scope,
  { service, lines }: LogQuery,
  cursor: OperationOutput['logs']['cursor'] | null,
  signal: AbortSignal,
): Promise<OperationOutput['logs'] | null> {
  try {
    const input = { scope, service, instance: null, lines, cursor, waitMs }
    return await link.withAgent((agent) => agent.call('logs', input, signal), signal)
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}
