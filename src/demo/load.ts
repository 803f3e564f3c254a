/** People who use every environment all the time: three quick people each, counting what fails. */
import { Agent, get } from 'node:http'

export type Load = {
  /** Starts clients for an environment, once. */
  on(environment: string, url: string): void
  figures(): LoadFigures
  /** Lets requests under way finish. */
  stop(): Promise<void>
}

export type LoadFigures = {
  requests: number
  failedRequests: number
  /** The first few failures, for whoever looks into them. */
  failures: string[]
}

const clientsPerEnvironment = 3
const pauseMs = 100
const requestTimeoutMs = 15_000
const maxFailures = 10

export function startLoad(): Load {
  const figures: LoadFigures = { requests: 0, failedRequests: 0, failures: [] }
  const started = new Set<string>()
  const clients: Promise<void>[] = []
  const agent = new Agent({ keepAlive: true })
  let isOver = false

  const fail = (environment: string, why: string) => {
    figures.failedRequests += 1
    if (figures.failures.length < maxFailures) figures.failures.push(`${environment}: ${why}`)
  }

  async function client(environment: string, url: string): Promise<void> {
    while (!isOver) {
      const outcome = await request(agent, url)
      figures.requests += 1
      if (outcome !== null) fail(environment, outcome)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  return {
    on(environment, url) {
      if (started.has(environment)) return
      started.add(environment)
      for (let index = 0; index < clientsPerEnvironment; index++) clients.push(client(environment, url))
    },
    figures: () => ({ ...figures, failures: [...figures.failures] }),
    async stop() {
      isOver = true
      await Promise.all(clients)
      agent.destroy()
    },
  }
}

/** null when it was answered well, in full. */
const request = (agent: Agent, url: string): Promise<string | null> =>
  new Promise((resolve) => {
    const sent = get(url, { agent, timeout: requestTimeoutMs }, (response) => {
      response.on('error', (error) => resolve(error.message))
      response.on('end', () => resolve((response.statusCode ?? 0) < 400 ? null : `answered ${response.statusCode}`))
      response.resume()
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)))
    sent.on('error', (error) => resolve(error.message))
  })
