/** One command on a host, to its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { cancelledError, erroredError } from '../../../model/index.ts'
import { type SshAddress, type SshOptions, sshArgv } from './ssh-command.ts'
import { sshFailure, sshMissing } from './ssh-failure.ts'

export type SshHost = {
  /** As the configuration names it. */
  name: string
  address: SshAddress
  options: SshOptions
}

export type RemoteCommand = { command: string; input: Readable | null; timeoutMs: number; signal: AbortSignal }

const maxOutputBytes = 64 * 1024
/** What `ssh` itself fails with; a command's own status is passed on. */
const sshFault = 255

/** In a session of its own: Ctrl-C is ours to act on, and there is no terminal to ask a question at. */
const spawnOptions = () => ({
  env: { ...process.env, LC_ALL: 'C', SSH_ASKPASS_REQUIRE: 'never' },
  detached: true,
})

function spawnSsh({ address, options }: SshHost, command: string): ChildProcess {
  const [program, ...parameters] = sshArgv(address, options, command)
  return spawn(program, parameters, { stdio: 'pipe', ...spawnOptions() })
}

/** Joins standard input and output to one socket, then becomes `ssh`, whose words are its arguments. */
const onOneSocket = 'exec "$@" <&3 >&3 3>&-'

export type SshConversation = { child: ChildProcess; socket: Socket }

/**
 * Input and output of a command on a host as one socket. HTTP/2 wants the operating system's own: over a pair of streams
 * Node 24.21 now and then fails an assertion of its own (`JSStreamSocket`), which ends the process.
 */
export function converseOverSsh({ address, options }: SshHost, command: string): SshConversation {
  const argv = sshArgv(address, options, command)
  const child = spawn('/bin/sh', ['-c', onOneSocket, 'sh', ...argv], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    ...spawnOptions(),
  })
  const socket = child.stdio[3]
  if (!(socket instanceof Socket)) throw new Error('a pipe of a child is a socket')
  return { child, socket }
}

/** Its standard output. Errored `HOST_COMMAND` where it fails there; see `sshFailure` for the rest. */
export function runOverSsh(host: SshHost, { command, input, timeoutMs, signal }: RemoteCommand): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelledError())
    const child = spawnSsh(host, command)
    const output = boundedText(child.stdout)
    const errors = boundedText(child.stderr)
    let isTimedOut = false
    const end = () => child.kill('SIGKILL')
    const timer = setTimeout(() => {
      isTimedOut = true
      end()
    }, timeoutMs)
    signal.addEventListener('abort', end, { once: true })
    let inputFault: unknown
    child.stdin?.on('error', () => {})
    if (input === null) child.stdin?.end()
    else if (child.stdin) {
      input.once('error', (fault) => {
        inputFault = fault
        end()
      })
      input.pipe(child.stdin)
    }
    child.once('error', (cause) => reject(sshMissing(cause)))
    child.once('close', (code) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      input?.destroy()
      if (inputFault !== undefined) return reject(inputFault)
      if (signal.aborted) return reject(cancelledError())
      if (isTimedOut) {
        return reject(erroredError('HOST_UNREACHABLE', `${host.name} did not answer within ${timeoutMs / 1000} s`))
      }
      if (code === 0) return resolve(output())
      if (code === sshFault || code === null) return reject(sshFailure(host.name, host.address, errors()))
      const why = (errors().trim() || output().trim()).slice(-2000)
      reject(erroredError('HOST_COMMAND', `a command on ${host.name} failed (exit code ${code})${why && `: ${why}`}`))
    })
  })
}

/** The end of what it said. */
export function boundedText(stream: Readable | null): () => string {
  let text = ''
  stream?.setEncoding('latin1')
  stream?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-maxOutputBytes)
  })
  stream?.on('error', () => {})
  return () => Buffer.from(text, 'latin1').toString('utf8')
}
