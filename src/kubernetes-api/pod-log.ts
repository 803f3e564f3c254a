/** What a container of a pod says, line by line, with the time the node heard it. */
import { createInterface } from 'node:readline'
import type { ClusterSession } from './session.ts'

export type PodLine = { at: string; text: string }

export type PodLogQuery = {
  namespace: string
  pod: string
  container: string
  /** Lines from the end; null: all. */
  lines: number | null
  follow: boolean
  /** RFC 3339; only what was said since. */
  since?: string
  signal: AbortSignal
}

const maxLineCharacters = 16 * 1024

export async function* readPodLog(session: ClusterSession, query: PodLogQuery): AsyncIterable<PodLine> {
  const { namespace, pod, container, lines, follow, since, signal } = query
  const body = await session.client.stream({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${pod}/log`,
    query: {
      container,
      follow,
      timestamps: true,
      ...(lines === null ? {} : { tailLines: lines }),
      ...(since === undefined ? {} : { sinceTime: since }),
    },
    signal,
  })
  try {
    for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
      const { at = '', text = line } = /^(?<at>\d{4}-\d\d-\d\dT\S+) ?(?<text>.*)$/s.exec(line)?.groups ?? {}
      yield { at, text: text.slice(0, maxLineCharacters) }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    body.destroy()
  }
}
