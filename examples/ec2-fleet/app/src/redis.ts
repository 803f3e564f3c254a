/** As much of Redis as is needed here: one connection, INCR, and nobody waits long. */
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectEncrypted } from 'node:tls'
import type { RedisSettings } from './settings.ts'

export type Redis = { increment(key: string): Promise<number>; close(): void }

type Waiting = { resolve(reply: string): void; reject(error: Error): void }

const patienceMs = 1000

export function createRedis({ host, port, isEncrypted, token }: RedisSettings): Redis {
  let socket: Socket | null = null
  let waiting: Waiting[] = []

  function drop(error: Error): void {
    socket?.destroy()
    socket = null
    const left = waiting
    waiting = []
    for (const { reject } of left) reject(error)
  }

  function connection(): Socket {
    if (socket !== null) return socket
    const made = isEncrypted ? connectEncrypted({ host, port, servername: host }) : connectPlain({ host, port })
    const readReplies = replyReader((reply) => waiting.shift()?.resolve(reply))
    made.setTimeout(patienceMs)
    made.on('data', readReplies)
    // A connection that is silent while nobody waits is fine.
    made.on('timeout', () => waiting.length > 0 && lost(made, new Error('Redis does not answer')))
    made.on('error', (error) => lost(made, error))
    made.on('close', () => lost(made, new Error('Redis closed the connection')))
    socket = made
    if (token !== null) send(['AUTH', token]).catch(drop)
    return made
  }

  const lost = (which: Socket, error: Error): void => {
    if (which === socket) drop(error)
  }

  function send(words: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const to = connection()
      waiting.push({ resolve, reject })
      to.write(command(words))
    }).then((reply) => replied(String(reply)))
  }

  return {
    async increment(key) {
      return Number(await send(['INCR', key]))
    },
    close: () => drop(new Error('closed')),
  }
}

/** An array of strings, as Redis takes its commands. */
const command = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/** AUTH and INCR answer with one line each. */
function replyReader(onReply: (line: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString('utf8')).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onReply(line)
  }
}

function replied(line: string): string {
  if (line.startsWith('-')) throw new Error(`Redis refuses: ${line.slice(1)}`)
  return line.slice(1)
}
