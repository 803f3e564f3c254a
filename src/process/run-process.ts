/**
 * The one way to run a child process to its end: its own process group, a time limit, an output limit, live lines,
 * and nothing of it left when it is over or cancelled.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { cancelledError, erroredError } from '../model/index.ts'
import { type FollowedFile, followFile } from './followed-file.ts'
import { lineSplitter } from './line-splitter.ts'

export type ProcessRequest = {
  /** Program and arguments; never a shell unless the program is one. */
  argv: readonly [string, ...string[]]
  cwd?: string
  /** The whole environment, nothing is inherited. */
  env: Record<string, string>
  /** Written to standard input, which is then closed. */
  input?: string | Uint8Array
  timeoutMs: number
  /** Output beyond this ends the process; default 64 MiB. */
  maxOutputBytes?: number
  /** From SIGTERM to SIGKILL when it is cancelled or timed out; default 2 s. */
  killAfterMs?: number
  signal?: AbortSignal
  onLine?(line: string, stream: 'stdout' | 'stderr'): void
  /** Keeps standard output as bytes; with `onLine` alone nothing is kept. Default true. */
  keepOutput?: boolean
  /**
   * Ties the process group's life to ours: when this process dies, even by SIGKILL, the kernel closes a pipe and a
   * watcher inside the group kills it. A program that cannot be started then exits 127 (or 126) instead of throwing.
   */
  endWithUs?: boolean
  /**
   * It writes into these files, and is read from there: a program that goes on when we die, and dies of a broken pipe,
   * needs them. They stay.
   */
  outputBy?: { stdout: string; stderr: string }
}

export type ProcessEnd = {
  kind: 'exited' | 'timed-out' | 'too-much-output'
  /** 128 + signal number where a signal ended it. */
  exitCode: number
  stdout: Buffer
  /** The end of standard error, at most 256 KiB. */
  stderr: string
  durationMs: number
}

const defaultMaxOutputBytes = 64 * 1024 * 1024
const defaultKillAfterMs = 2000
const maxKeptStderr = 256 * 1024
/** What was written before the exit is read by then; who still holds the pipes left the group on purpose. */
const maxPipeDrainMs = 2000
/** `setTimeout` takes a signed 32-bit number, and fires at once for more. */
const maxTimerMs = 2 ** 31 - 1

/**
 * Waits, in the process group of the command, for the other end of descriptor 3 to close, then kills that group.
 * Started twice removed, so that the command has no child it does not know; it ignores SIGTERM, so that a group which
 * is being ended gently is still watched. The command is passed as arguments: nothing is interpolated.
 */
const watchedStart =
  '( ( trap \'\' HUP INT TERM; read -r _ <&3; kill -s KILL 0 ) </dev/null >/dev/null 2>&1 & ); exec 3<&-; exec "$@"'

type Cut = 'timed-out' | 'too-much-output' | 'cancelled' | 'broken'

/** Runs it to its end. Throws only when it cannot be started (`PROCESS_START`) or was cancelled. */
export async function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  const { argv, signal } = request
  if (signal?.aborted) throw cancelledError(`${argv[0]} was cancelled`)
  const startedAt = performance.now()
  let cut: Cut | null = null
  let listenerFault: unknown
  let killTimer: NodeJS.Timeout | undefined
  const output = collectOutput(request, {
    tooMuch: () => end('too-much-output'),
    fault(cause) {
      listenerFault ??= cause
      end('broken')
    },
  })
  const child = start(request, output)
  const end = (why: Cut) => {
    if (cut !== null) return
    cut = why
    signalGroup(child, 'SIGTERM')
    killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), request.killAfterMs ?? defaultKillAfterMs)
  }
  const limit = setTimeout(() => end('timed-out'), Math.min(request.timeoutMs, maxTimerMs))
  const onAbort = () => end('cancelled')
  signal?.addEventListener('abort', onAbort, { once: true })

  try {
    const exitCode = await ended(child, argv[0], () => clearTimeout(killTimer))
    output.finish()
    // TypeScript does not see that `end` assigned it meanwhile.
    const why = cut as Cut | null
    if (why === 'broken') throw listenerFault
    if (why === 'cancelled') throw cancelledError(`${argv[0]} was cancelled`)
    return {
      kind: why ?? 'exited',
      exitCode,
      stdout: output.stdout(),
      stderr: output.stderr(),
      durationMs: performance.now() - startedAt,
    }
  } finally {
    clearTimeout(limit)
    clearTimeout(killTimer)
    signal?.removeEventListener('abort', onAbort)
    output.close()
  }
}

type Output = ReturnType<typeof collectOutput>

function start(request: ProcessRequest, output: Output): ChildProcess {
  const [program, ...rest] = request.endWithUs ? ['/bin/sh', '-c', watchedStart, 'sh', ...request.argv] : request.argv
  const stdin = request.input === undefined ? 'ignore' : 'pipe'
  const more = request.endWithUs ? (['pipe'] as const) : []
  try {
    const child = spawn(program, rest, {
      cwd: request.cwd,
      env: request.env,
      stdio: [stdin, output.files?.stdout.writing ?? 'pipe', output.files?.stderr.writing ?? 'pipe', ...more],
      detached: true,
    })
    output.listen(child)
    // It may end without reading its input: no fault of ours.
    child.stdin?.on('error', () => {})
    if (request.input !== undefined) child.stdin?.end(request.input)
    return child
  } catch (cause) {
    // Arguments too long, a NUL byte in them, no memory: thrown at once instead of as an event.
    output.close()
    throw startError(request.argv[0], cause)
  } finally {
    output.files?.stdout.closeWriting()
    output.files?.stderr.closeWriting()
  }
}

const startError = (program: string, cause: unknown) =>
  erroredError('PROCESS_START', `cannot start ${program}: ${cause instanceof Error ? cause.message : cause}`, { cause })

/** Resolves with the exit code once the process is gone, its group with it, and its output is read. */
function ended(child: ChildProcess, program: string, onExit: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let drain: NodeJS.Timeout | undefined
    child.on('error', (cause) => reject(startError(program, cause)))
    child.once('exit', () => {
      onExit()
      // What the process leaves behind in its group ends with it; otherwise a background child would keep the pipes open.
      signalGroup(child, 'SIGKILL')
      drain = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, maxPipeDrainMs)
      child.stdio[3]?.destroy()
    })
    child.once('close', (code, signalName) => {
      clearTimeout(drain)
      resolve(code ?? 128 + (signalName ? constants.signals[signalName] : 0))
    })
  })
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Nobody left in the group.
  }
}

type OutputEvents = { tooMuch(): void; fault(cause: unknown): void }

function collectOutput(request: ProcessRequest, events: OutputEvents) {
  const maxOutputBytes = request.maxOutputBytes ?? defaultMaxOutputBytes
  const stdout: Buffer[] = []
  const stderrDecoder = new StringDecoder('utf8')
  let stderr = ''
  let outputBytes = 0
  const lines = { stdout: lineSplitter(), stderr: lineSplitter() }

  const tell = (line: string, stream: 'stdout' | 'stderr') => {
    try {
      request.onLine?.(line, stream)
    } catch (cause) {
      events.fault(cause)
    }
  }
  const take = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
    // Past the limit it is read on and dropped until the process is dead.
    if (outputBytes > maxOutputBytes) return
    outputBytes += chunk.length
    if (outputBytes > maxOutputBytes) return events.tooMuch()
    if (request.keepOutput !== false && stream === 'stdout') stdout.push(chunk)
    if (stream === 'stderr') stderr = (stderr + stderrDecoder.write(chunk)).slice(-maxKeptStderr)
    if (request.onLine) for (const line of lines[stream].push(chunk)) tell(line, stream)
  }
  const listenTo = (stream: 'stdout' | 'stderr', pipe: Readable | null) => {
    pipe?.on('data', take(stream))
    pipe?.on('error', () => {})
  }
  const files = followFiles(request, take)
  const close = () => {
    files?.stdout.close()
    files?.stderr.close()
  }

  return {
    files,
    close,
    listen(child: ChildProcess) {
      listenTo('stdout', child.stdout)
      listenTo('stderr', child.stderr)
    },
    /** Hands over what is still in files, and lines that had no end. */
    finish() {
      close()
      if (!request.onLine) return
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = lines[stream].end()
        if (rest !== '') tell(rest, stream)
      }
    },
    stdout: () => Buffer.concat(stdout),
    stderr: () => stderr + stderrDecoder.end(),
  }
}

type Files = { stdout: FollowedFile; stderr: FollowedFile }

function followFiles(
  { outputBy }: ProcessRequest,
  take: (stream: 'stdout' | 'stderr') => (chunk: Buffer) => void,
): Files | null {
  if (outputBy === undefined) return null
  return { stdout: followFile(outputBy.stdout, take('stdout')), stderr: followFile(outputBy.stderr, take('stderr')) }
}
