import { Agent, request } from 'undici'

export type LoadResult = { requests: number; slow: number; failures: string[]; versions: Set<string> }

/** Requests without a pause on kept connections, every tenth a slow one, until `stop`. */
export function startLoad(url: string, clients = 6) {
  const dispatcher = new Agent({ connections: clients, pipelining: 1, keepAliveTimeout: 30_000 })
  const result: LoadResult = { requests: 0, slow: 0, failures: [], versions: new Set() }
  let isStopped = false
  const oneRequest = async (path: string) => {
    const { statusCode, body } = await request(`${url}${path}`, { dispatcher, headersTimeout: 15_000 })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text.slice(0, 200)}`)
    return JSON.parse(text) as { version: string }
  }
  const client = async (index: number) => {
    for (let turn = index; !isStopped; turn++) {
      const isSlow = turn % 10 === 0
      try {
        const answer = await oneRequest(isSlow ? '/?ms=400' : '/?ms=5')
        result.versions.add(answer.version)
      } catch (error) {
        result.failures.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
      }
      result.requests++
      if (isSlow) result.slow++
    }
  }
  const running = Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
  return {
    result,
    async stop(): Promise<LoadResult> {
      isStopped = true
      await running
      await dispatcher.close()
      return result
    },
  }
}
