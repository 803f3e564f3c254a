/**
 * People who use everything all the time: quick requests on kept connections, and always a few slow ones, an upload in
 * chunks, a stream and a WebSocket under way. Whatever does not come back whole counts as failed.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export type ExchangeKind = 'quick' | 'slow' | 'upload' | 'stream' | 'socket'

export type Client = {
  kind: ExchangeKind
  environment: string
  service: string
  /** Public address of the service. */
  url: string
}

export type FailedExchange = Omit<Client, 'url'> & { why: string /** Monotonic. */; startedMs: number; endedMs: number }

export type SteadyLoad = AsyncDisposable & {
  /** A client more, which does its kind of exchange again and again. */
  add(client: Client): void
  readonly failures: readonly FailedExchange[]
  /** How many came back whole so far. */
  succeeded(kind: ExchangeKind): number
  /** Resolves when all that is under way has ended; nothing begins until `resume`. */
  pause(): Promise<void>
  resume(): void
}

/** Between two exchanges of a client: people think, and two cores have more to do than this. */
const pausesMs: Record<ExchangeKind, number> = { quick: 60, slow: 20, upload: 100, stream: 50, socket: 50 }
const slowMs = { least: 3000, most: 4000 }
const sessionMs = 2500
const upload = { chunks: 16, chunkBytes: 64 * 1024, everyMs: 150 }
/** Far more than anything takes: what hangs has failed. */
const timeoutMs = 30_000

export function startSteadyLoad(): SteadyLoad {
  const agent = new Agent({ keepAlive: true, timeout: timeoutMs })
  const failures: FailedExchange[] = []
  const succeeded = new Map<ExchangeKind, number>()
  const running: Promise<void>[] = []
  let isOver = false
  let pausing: PromiseWithResolvers<void> | null = null
  let busy = 0
  let idle: (() => void) | null = null

  const once = async (client: Client, turn: number): Promise<void> => {
    const startedMs = performance.now()
    busy += 1
    try {
      await exchange(agent, client, turn)
      succeeded.set(client.kind, (succeeded.get(client.kind) ?? 0) + 1)
    } catch (error) {
      const { url: _, ...about } = client
      const why = error instanceof Error ? error.message : String(error)
      failures.push({ ...about, why, startedMs, endedMs: performance.now() })
    } finally {
      busy -= 1
      if (busy === 0) idle?.()
    }
  }
  const live = async (client: Client): Promise<void> => {
    for (let turn = 0; !isOver; turn++) {
      if (pausing !== null) await pausing.promise
      if (!isOver) await once(client, turn)
      await sleep(pausesMs[client.kind])
    }
  }
  const resume = () => {
    pausing?.resolve()
    pausing = null
  }

  return {
    failures,
    resume,
    add: (client) => void running.push(live(client)),
    succeeded: (kind) => succeeded.get(kind) ?? 0,
    async pause() {
      pausing ??= Promise.withResolvers()
      if (busy > 0) await new Promise<void>((resolve) => (idle = resolve))
      idle = null
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      resume()
      await Promise.all(running)
      agent.destroy()
    },
  }
}

async function exchange(agent: Agent, { kind, url }: Client, turn: number): Promise<void> {
  switch (kind) {
    case 'quick':
      // A POST is sent once: nobody may try it again on another instance.
      await answered(agent, turn % 3 === 0 ? 'POST' : 'GET', `${url}/`, turn % 3 === 0 ? ['a small body'] : [])
      break
    case 'slow':
      await answered(agent, 'GET', `${url}/?ms=${slowMs.least + Math.random() * (slowMs.most - slowMs.least)}`)
      break
    case 'upload':
      await uploaded(agent, `${url}/upload`)
      break
    case 'stream': {
      const { text } = await answered(agent, 'GET', `${url}/events?ms=${sessionMs}`)
      const events = text.split('\n\n').length - 1
      if (!text.endsWith(`data: that was all ${events - 1}\n\n`))
        throw new Error(`a stream of ${events} events broke off`)
      break
    }
    case 'socket':
      await conversed(`${url.replace(/^http/, 'ws')}/socket`)
  }
}

type Answered = { text: string }

/** Sends the chunks of a body with a pause before each; rejects unless the whole answer comes and is 200. */
function answered(
  agent: Agent,
  method: string,
  url: string,
  chunks: readonly (string | Buffer)[] = [],
  everyMs = 0,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method, timeout: timeoutMs })
    outgoing.once('timeout', () => outgoing.destroy(new Error(`nothing for ${timeoutMs / 1000} s`)))
    outgoing.once('error', reject)
    outgoing.once('response', (response) => textOf(response).then((text) => resolve({ text }), reject))
    send(outgoing.write.bind(outgoing), chunks, everyMs).then(() => outgoing.end(), reject)
  })
}

async function send(write: (chunk: string | Buffer) => boolean, chunks: readonly (string | Buffer)[], everyMs: number) {
  for (const chunk of chunks) {
    if (everyMs > 0) await sleep(everyMs)
    write(chunk)
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  const text = Buffer.concat(parts).toString('utf8')
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode} ${text.slice(0, 200)}`)
  return text
}

async function uploaded(agent: Agent, url: string): Promise<void> {
  const chunks = Array.from({ length: upload.chunks }, () => randomBytes(upload.chunkBytes))
  const { text } = await answered(agent, 'POST', url, chunks, upload.everyMs)
  const sent = createHash('sha256').update(Buffer.concat(chunks)).digest('hex')
  if (!text.includes(sent)) throw new Error(`another body arrived: ${text}`)
}

/** A WebSocket on which every word is echoed, until the client has said all and closes it. */
function conversed(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    const began = performance.now()
    let count = 0
    let timer: NodeJS.Timeout
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`${why} after ${count} words and ${Math.round(performance.now() - began)} ms`))
      socket.close()
    }
    const expectWord = () => {
      clearTimeout(timer)
      timer = setTimeout(() => fail('no echo'), timeoutMs)
    }
    const say = () => {
      expectWord()
      socket.send(`word ${count}`)
    }
    expectWord()
    socket.addEventListener('open', say)
    socket.addEventListener('error', () => fail('a WebSocket broke'))
    socket.addEventListener('message', ({ data }) => {
      if (data !== `word ${count}`) return fail(`heard ${data}`)
      count += 1
      if (performance.now() - began >= sessionMs) socket.close(1000)
      else setTimeout(say, 200)
    })
    socket.addEventListener('close', ({ code }) => {
      clearTimeout(timer)
      if (performance.now() - began >= sessionMs && (code === 1000 || code === 1005)) resolve()
      else fail(`a WebSocket was closed with ${code}`)
    })
  })
}
