/**
 * One long-lived `ssh` process to a host that carries many requests to its agent at once: HTTP/2 over the standard input
 * and output of the bridge there. It keeps nobody from ending: while nothing is under way it holds no process open.
 */
import type { ChildProcess } from 'node:child_process'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { Socket } from 'node:net'
import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { cancelledError, erroredError, TrunklineError } from '../../../model/index.ts'
import {
  type BridgeGreeting,
  bridgeAnswerSchema,
  bridgeMark,
  channelSettings,
  greetingSchema,
  missingMark,
} from '../agent/bridge-protocol.ts'
import { errorFrom } from '../agent/error-message.ts'
import type { AgentDescription } from '../agent/protocol.ts'
import { agentProgram } from './agent-program.ts'
import { byteStreamOver } from './channel-stream.ts'
import { bridgeCommand } from './host-scripts.ts'
import { boundedText, converseOverSsh, type SshConversation, type SshHost } from './run-over-ssh.ts'
import { sshFailure, sshMissing } from './ssh-failure.ts'

export type SshChannel = {
  greeting: BridgeGreeting
  readonly isOpen: boolean
  /** A new stream to the agent's socket; errors come as events. */
  open(): Duplex
  /**
   * Starts the agent where none runs, replaces an older one; `replace` also one of this version from another folder.
   * `ask` starts none where none ever ran: null.
   */
  ensureAgent(how: 'ensure' | 'replace' | 'ask', signal: AbortSignal): Promise<AgentDescription | null>
  close(): void
}

/** The program of this version is not on the host. */
export type NoProgram = { missing: 'former' | 'never' }

const greetingTimeoutMs = 45_000
const ensureTimeoutMs = 90_000
/** Whatever a login shell prints before our command runs. */
const maxNoiseBytes = 64 * 1024
/** A channel that nobody used for this long is closed; the next who needs one opens it. */
const idleMs = 120_000

/** Errors are those of `ssh`, by name of the host; cancelled where the signal is aborted meanwhile. */
export async function openChannel(host: SshHost, signal: AbortSignal): Promise<SshChannel | NoProgram> {
  if (signal.aborted) throw cancelledError()
  const conversation = converseOverSsh(host, bridgeCommand(agentProgram().id))
  const { child } = conversation
  const errors = boundedText(child.stderr)
  try {
    const line = await firstLine(conversation, host, errors, signal)
    if (line.startsWith(missingMark)) {
      child.kill()
      return { missing: line.slice(missingMark.length).trim() === 'former' ? 'former' : 'never' }
    }
    const greeting = greetingSchema.safeParse(parseJson(line.slice(bridgeMark.length)))
    if (!greeting.success)
      throw erroredError('BRIDGE_ANSWER', `${host.name} greets in a way this version does not know`)
    return overSocket(conversation, host, greeting.data, errors)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** The first line that is ours; what comes after it stays in the stream. */
function firstLine(
  { child, socket: output }: SshConversation,
  host: SshHost,
  errors: () => string,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const settle = (end: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      output.removeListener('readable', read)
      output.removeListener('end', onEnd)
      end()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    const onAbort = () => fail(cancelledError())
    const timer = setTimeout(
      () => fail(erroredError('HOST_UNREACHABLE', `${host.name} did not answer within ${greetingTimeoutMs / 1000} s`)),
      greetingTimeoutMs,
    )
    const read = () => {
      for (let chunk = output.read(); chunk !== null; chunk = output.read()) {
        seen = Buffer.concat([seen, chunk])
        for (let end = seen.indexOf(10); end >= 0; end = seen.indexOf(10)) {
          const line = seen.subarray(0, end).toString('utf8')
          seen = seen.subarray(end + 1)
          if (!line.startsWith(bridgeMark) && !line.startsWith(missingMark)) continue
          if (seen.length > 0) output.unshift(seen)
          return settle(() => resolve(line))
        }
        if (seen.length > maxNoiseBytes) {
          return fail(erroredError('BRIDGE_ANSWER', `${host.name} prints more than it should when one logs in`))
        }
      }
    }
    // What ended it is known when its standard error has been read, too.
    const onEnd = () => child.once('close', (code) => fail(failureOf(host, code, errors())))
    signal.addEventListener('abort', onAbort, { once: true })
    child.once('error', (cause) => fail(sshMissing(cause)))
    output.on('readable', read)
    output.once('end', onEnd)
  })
}

function failureOf(host: SshHost, code: number | null, errors: string): TrunklineError {
  if (code === 255 || code === null) return sshFailure(host.name, host.address, errors)
  const why = errors.trim().slice(-1000)
  return erroredError(
    'HOST_COMMAND',
    `the agent's program on ${host.name} ended (exit code ${code})${why && `: ${why}`}`,
  )
}

function overSocket(
  { child, socket }: SshConversation,
  host: SshHost,
  greeting: BridgeGreeting,
  errors: () => string,
): SshChannel {
  const session = connectHttp2('http://agent', { createConnection: () => socket, settings: channelSettings })
  const close = () => {
    session.destroy()
    socket.destroy()
    child.kill()
  }
  session.on('error', () => {})
  session.once('close', close)
  child.once('exit', () => session.destroy())
  const use = countUses(child, [socket, child.stderr], session, close)

  const lost = () => {
    const said = errors().trim()
    const why = said === '' ? 'the connection was lost' : sshFailure(host.name, host.address, said).message
    return erroredError('AGENT_UNREACHABLE', `cannot reach the agent on ${host.name}: ${why}`)
  }
  const request = (path: string) => {
    if (session.destroyed || session.closed) throw lost()
    const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
    use.begin()
    stream.once('close', use.end)
    return stream
  }

  return {
    greeting,
    get isOpen() {
      return !session.destroyed && !session.closed
    },
    open() {
      try {
        return byteStreamOver(request('/agent'))
      } catch (error) {
        return new PassThrough().destroy(error instanceof Error ? error : undefined)
      }
    },
    async ensureAgent(how, signal) {
      const stream = request(`/${how}`)
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ensureTimeoutMs)])
      const cut = () => stream.close(8)
      limit.addEventListener('abort', cut, { once: true })
      try {
        stream.end()
        const answer = bridgeAnswerSchema.safeParse(parseJson(await text(stream)))
        if (!answer.success) throw lost()
        if ('ok' in answer.data) return answer.data.ok
        const { error } = answer.data
        // `this host`, it says there.
        throw errorFrom({ ...error, message: error.message.replaceAll('this host', host.name) })
      } catch (error) {
        if (signal.aborted) throw cancelledError()
        throw error instanceof TrunklineError ? error : lost()
      } finally {
        limit.removeEventListener('abort', cut)
      }
    },
    close,
  }
}

/** While a stream is open this process must not end; while none is, the channel must not keep it, and is closed later. */
function countUses(
  child: ChildProcess,
  streams: ReadonlyArray<Readable | null>,
  session: ClientHttp2Session,
  close: () => void,
) {
  const handles = streams.filter((stream) => stream instanceof Socket)
  let uses = 0
  let idle: NodeJS.Timeout | undefined
  const rest = () => {
    child.unref()
    for (const handle of handles) handle.unref()
    idle = setTimeout(close, idleMs).unref()
  }
  session.once('close', () => clearTimeout(idle))
  rest()
  return {
    begin() {
      clearTimeout(idle)
      if (uses++ > 0) return
      child.ref()
      for (const handle of handles) handle.ref()
    },
    end() {
      if (--uses === 0) rest()
    },
  }
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return null
  }
}
