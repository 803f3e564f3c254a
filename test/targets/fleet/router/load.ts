/** Constant load on one port that notices every request that does not end as it should. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from './router-process.ts'

export type Load = { requests: number; failures: string[]; stop(): Promise<void> }

type Kind = 'quick' | 'slow' | 'upload' | 'stream'

/** Each of the kinds by a few clients of their own, on keep-alive connections, one request after the other. */
export function startLoad(port: number, kinds: Partial<Record<Kind, number>>): Load {
  const agent = new Agent({ keepAlive: true })
  const load: Load = { requests: 0, failures: [], stop: async () => {} }
  let isOver = false
  const clients = Object.entries(kinds).flatMap(([kind, count]) =>
    Array.from({ length: count }, async () => {
      while (!isOver) {
        const fault = await exchange(port, agent, kind as Kind)
        load.requests += 1
        if (fault !== null) load.failures.push(`${kind}: ${fault}`)
        await sleep(1)
      }
    }),
  )
  load.stop = async () => {
    isOver = true
    await Promise.all(clients)
    agent.destroy()
  }
  return load
}

const upload = Buffer.alloc(300_000, 'u')

/** null where all went well. Backends answer as `respondToLoad` does. */
function exchange(port: number, agent: Agent, kind: Kind): Promise<string | null> {
  return new Promise((resolve) => {
    const method = kind === 'upload' ? 'POST' : 'GET'
    const outgoing = request({ host: '127.0.0.1', port, path: `/${kind}`, method, agent })
    outgoing.once('error', (cause) => resolve(cause.message))
    outgoing.once('response', async (response: IncomingMessage) => {
      try {
        let text = ''
        for await (const chunk of response) text += chunk
        const wanted = { quick: 'quick', slow: 'slow', upload: String(upload.length), stream: '0123456789' }[kind]
        resolve(response.statusCode === 200 && text === wanted ? null : `${response.statusCode} ${text.slice(0, 80)}`)
      } catch (cause) {
        resolve(String(cause))
      }
    })
    outgoing.end(kind === 'upload' ? upload : undefined)
  })
}

export type NewConnections = { failures: string[]; answers: Set<string>; stop(): Promise<number> }

/** Requests without a pause, each on a connection of its own, until told to stop; then answers how many there were. */
export function startNewConnections(port: number, clients: number, path = '/quick'): NewConnections {
  const failures: string[] = []
  const answers = new Set<string>()
  let requests = 0
  let isOver = false
  const running = Array.from({ length: clients }, async () => {
    while (!isOver) {
      requests += 1
      await ask({ port, path }).then(
        ({ status, text }) => (status === 200 ? answers.add(text) : failures.push(`${status} ${text.slice(0, 80)}`)),
        (cause) => failures.push(String(cause)),
      )
    }
  })
  return {
    failures,
    answers,
    async stop() {
      isOver = true
      await Promise.all(running)
      return requests
    },
  }
}

/** What a backend under load does. */
export async function respondToLoad(req: IncomingMessage, res: import('node:http').ServerResponse): Promise<void> {
  switch (req.url) {
    case '/slow':
      await sleep(2500)
      res.end('slow')
      return
    case '/upload': {
      let size = 0
      for await (const chunk of req) size += chunk.length
      res.end(String(size))
      return
    }
    case '/stream':
      for (let part = 0; part < 10; part++) {
        res.write(String(part))
        await sleep(100)
      }
      res.end()
      return
    default:
      res.end('quick')
  }
}
