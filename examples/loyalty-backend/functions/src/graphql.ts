/** GraphQL as Hasura answers it. */

export type Graphql = <Data>(query: string, variables: Record<string, unknown>) => Promise<Data>

/** What Hasura refused: what a constraint of the database forbids begins with `Check constraint violation` and the like. */
export class GraphqlError extends Error {
  override readonly name = 'GraphqlError'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

const timeoutMs = 10_000

export function createGraphql({ url, adminSecret }: { url: string; adminSecret: string }): Graphql {
  return async <Data>(query: string, variables: Record<string, unknown>): Promise<Data> => {
    const answer = await fetch(new URL('/v1/graphql', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hasura-admin-secret': adminSecret },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!answer.ok) throw new Error(`Hasura answered ${answer.status}`)
    const { data, errors } = (await answer.json()) as {
      data?: Data
      errors?: Array<{ message: string; extensions?: { code?: string } }>
    }
    const [first] = errors ?? []
    if (first !== undefined) throw new GraphqlError(first.message, first.extensions?.code ?? 'unexpected')
    if (data === undefined) throw new Error('Hasura answered without data')
    return data
  }
}
