/** What a worker says, as it says it: taken up again where the way to it broke. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readPodLog } from '../../kubernetes-api/pod-log.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import { containerName } from './job.ts'

export type OutputQuery = {
  namespace: string
  pod: string
  /** Whether it has ended, so that no more lines come. */
  isOver(): boolean
  log(line: string): void
  signal: AbortSignal
}

const againMs = 1000

/** Until the end of its output. Never throws: an outcome has the last lines, too. */
export async function followOutput(session: ClusterSession, query: OutputQuery): Promise<void> {
  const { signal } = query
  const heard: Heard = { lastAt: null, atLast: 0 }
  while (!signal.aborted) {
    const wasOver = query.isOver()
    try {
      await hear(session, query, heard)
    } catch {
      // The way to the node broke, or the container is not ready to be heard.
    }
    if (wasOver) return
    await sleep(againMs, undefined, { signal }).catch(() => {})
  }
}

type Heard = {
  lastAt: string | null
  /** Lines that came with the time of the last: the time alone does not tell where to go on. */
  atLast: number
}

async function hear(session: ClusterSession, query: OutputQuery, heard: Heard): Promise<void> {
  const { namespace, pod, log, signal } = query
  const { lastAt: from, atLast: known } = heard
  const lines = readPodLog(session, {
    ...{ namespace, pod, container: containerName, lines: null, follow: true, signal },
    ...(from === null ? {} : { since: from }),
  })
  let again = 0
  for await (const { at, text } of lines) {
    if (from !== null && (at < from || (at === from && again++ < known))) continue
    heard.atLast = at === heard.lastAt ? heard.atLast + 1 : 1
    heard.lastAt = at
    log(text)
  }
}
