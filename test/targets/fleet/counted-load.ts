import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'

export type CountedLoad = {
  /** Requests that got no answer of the service. */
  failures: string[]
  /** Versions that answered with an error of their own. */
  bad: string[]
  /** Begins counting anew. */
  count(): void
  /** Answers of a version since then. */
  of(version: string): number
  /** Resolves when so many more requests were answered. */
  requests(count: number): Promise<void>
  /** Resolves when everything that is under way now has its answer. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** Constant load that counts which version answered; every tenth request is a slow one. */
export function startCountedLoad(url: string, clients = 6): CountedLoad {
  const dispatcher = new Agent({ connections: clients, pipelining: 1, keepAliveTimeout: 30_000 })
  const failures: string[] = []
  const bad: string[] = []
  let counts = new Map<string, number>()
  let answered = 0
  let isStopped = false
  const turns: number[] = []
  let waiting: Array<{ at: number; resolve(): void }> = []
  const client = async (index: number) => {
    for (let turn = index; !isStopped; turn++) {
      try {
        const path = turn % 10 === 0 ? '/?ms=200' : '/?ms=2'
        const { statusCode, body } = await request(`${url}${path}`, { dispatcher, headersTimeout: 15_000 })
        const text = await body.text()
        const isOurs = statusCode === 200 || text.includes('"version"')
        if (!isOurs) throw new Error(`${path}: ${statusCode} ${text.slice(0, 200)}`)
        const { version } = JSON.parse(text) as { version: string }
        if (statusCode !== 200) bad.push(version)
        counts.set(version, (counts.get(version) ?? 0) + 1)
      } catch (error) {
        failures.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
      }
      answered++
      turns[index] = (turns[index] ?? 0) + 1
      for (const each of waiting) if (answered >= each.at) each.resolve()
      waiting = waiting.filter(({ at }) => answered < at)
    }
  }
  const running = Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
  return {
    failures,
    bad,
    count() {
      counts = new Map()
    },
    of: (version) => counts.get(version) ?? 0,
    requests: (count) => new Promise((resolve) => waiting.push({ at: answered + count, resolve })),
    async settled() {
      const from = [...turns]
      while (!isStopped && turns.some((turn, index) => turn <= (from[index] ?? 0))) await sleep(5)
    },
    async stop() {
      isStopped = true
      await running
      await dispatcher.close()
    },
  }
}
