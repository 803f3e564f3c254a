/**
 * The far end of a channel over SSH: started by a controller on a host, it carries many requests over standard input and
 * output to the agent's socket, and starts the agent, or replaces an older one, when it is asked to. It ends with its
 * input; agent and services go on.
 *
 * The channel is HTTP/2: streams with flow control of their own. `/agent` is one connection to the agent's socket,
 * whatever is said on it; `/ensure`, `/replace` and `/ask` make sure that an agent runs.
 */
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../clock/index.ts'
import { homeAt } from '../../../home/index.ts'
import { programFolder, programVersion } from '../../../program/index.ts'
import { ensureLocalAgent } from '../local-agent.ts'
import {
  type BridgeAnswer,
  type BridgeGreeting,
  bridgeMark,
  bridgeProtocol,
  channelSettings,
} from './bridge-protocol.ts'
import { describeError } from './error-message.ts'
import { type FleetPaths, fleetPathsAt } from './fleet-paths.ts'
import type { AgentDescription } from './protocol.ts'

/** A controller that does not answer for this long is gone, whatever the connection says. */
const pingEveryMs = 15_000
const maxSilenceMs = 60_000

const ensureTimeoutMs = 60_000
/** HTTP/2's CANCEL. */
const cancelCode = 8

const paths = fleetPathsAt(homeAt(process.env).fleet)

function greet(): void {
  const { bavail, bsize } = statfsSync(existsSync(paths.root) ? paths.root : '/')
  const greeting: BridgeGreeting = {
    protocol: bridgeProtocol,
    version: programVersion,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    nowMs: Date.now(),
    freeBytes: bavail * bsize,
  }
  process.stdout.write(`${bridgeMark}${JSON.stringify(greeting)}\n`)
}

type Wish = 'ensure' | 'replace' | 'ask'

async function answerWish(stream: ServerHttp2Stream, wish: Wish): Promise<void> {
  let answer: BridgeAnswer
  try {
    answer = { ok: wish === 'ask' && !existsSync(paths.services) ? null : await ensureAgent(wish === 'replace') }
  } catch (error) {
    answer = { error: describeError(error, 'BRIDGE_FAULT') }
  }
  stream.respond({ ':status': 200 })
  stream.end(JSON.stringify(answer))
}

async function ensureAgent(replaceSameVersion: boolean): Promise<AgentDescription> {
  const client = await ensureLocalAgent(
    { paths, clock: systemClock, ...(replaceSameVersion ? { program: programFolder } : {}) },
    AbortSignal.timeout(ensureTimeoutMs),
  )
  return client.call('describe', {}, AbortSignal.timeout(ensureTimeoutMs))
}

/** A stream that is cut is how the controller learns of an agent that is not there, or is lost. */
function carryToAgent(stream: ServerHttp2Stream, { socket }: FleetPaths): void {
  const agent = connect(socket)
  agent.once('connect', () => {
    stream.respond({ ':status': 200 })
    stream.pipe(agent)
    agent.pipe(stream)
  })
  agent.on('error', () => stream.close(cancelCode))
  agent.once('close', () => {
    if (!agent.readableEnded) stream.close(cancelCode)
  })
  stream.once('close', () => agent.destroy())
}

/**
 * HTTP/2 wants a socket of the operating system's own: over a pair of streams Node 24.21 now and then fails an assertion
 * of its own (`JSStreamSocket`), which would end us. So it gets one end of a socket, and our input and output the other.
 */
async function socketOverStandardStreams(): Promise<Socket> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-bridge-'))
  const server = createServer()
  try {
    const path = join(folder, 's')
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    const near = connect(path)
    const far = await accepted
    process.stdin.pipe(far)
    far.pipe(process.stdout)
    for (const stream of [near, far, process.stdin, process.stdout]) stream.on('error', () => process.exit(0))
    return near
  } finally {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const isWish = (word: string): word is Wish => ['ensure', 'replace', 'ask'].includes(word)

function watch(session: ServerHttp2Session): void {
  let answeredAtMs = performance.now()
  setInterval(() => {
    if (performance.now() - answeredAtMs > maxSilenceMs) process.exit(0)
    session.ping((fault) => {
      if (fault === null) answeredAtMs = performance.now()
    })
  }, pingEveryMs).unref()
}

const socket = await socketOverStandardStreams()
greet()
const session = performServerHandshake(socket, { settings: channelSettings })
session.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  const wish = String(headers[':path']).slice(1)
  if (headers[':path'] === '/agent') carryToAgent(stream, paths)
  else if (isWish(wish)) void answerWish(stream, wish)
  else stream.close(cancelCode)
})
session.on('error', () => {})
session.once('close', () => process.exit(0))
watch(session)
