/** Runs one command line of the project and turns how it ended into a verdict, or into the world's fault. */
import { erroredError, passed, type Reason, reason, type Verdict } from '../model/index.ts'
import { type ProcessEnd, runProcess } from '../process/index.ts'
import type { CommandOutput } from './command-output.ts'
import { refuteByFullDisk } from './world-fault.ts'

export type Command = Limits & {
  /** A line for `/bin/sh -e`, as the project wrote it. */
  run: string
}

export type Program = Limits & { argv: readonly [string, ...string[]] }

type Limits = {
  /** What people call it: `check carts/test`. */
  title: string
  directory: string
  env: Record<string, string>
  timeoutMs: number
  maxOutputBytes: number
}

export type FailedVerdict = Verdict & { ok: false }

export const runCommand = ({ run, ...limits }: Command, output: CommandOutput, signal: AbortSignal): Promise<Verdict> =>
  runProgram({ ...limits, argv: ['/bin/sh', '-e', '-c', run] }, output, signal)

/**
 * Runs it with no input, in its own process group, which dies with it, with a cancel, and with this process.
 * Throws errored `DISK_FULL`, `COMMAND_KILLED`, `PROCESS_START`; cancelled.
 */
export async function runProgram(command: Program, output: CommandOutput, signal: AbortSignal): Promise<Verdict> {
  const end = await runProcess({
    argv: command.argv,
    cwd: command.directory,
    env: command.env,
    timeoutMs: command.timeoutMs,
    maxOutputBytes: command.maxOutputBytes,
    keepOutput: false,
    endWithUs: true,
    signal,
    onLine: output.line,
  })
  if (end.kind === 'exited' && end.exitCode === 0) return passed
  await refuteByFullDisk(command.directory, `${command.title} was running`)
  if (end.kind === 'exited' && end.exitCode === killedExitCode) throw killedError(command.title)
  return { ok: false, reasons: [explain(end, command)], logTail: output.tail() }
}

/** 128 + SIGKILL: not by us, then, and seldom by the command itself. */
const killedExitCode = 137

const killedError = (title: string) =>
  erroredError('COMMAND_KILLED', `${title} was killed from outside (SIGKILL), most likely for want of memory`, {
    hint: 'give the machine more memory, or run less at once',
  })

function explain(end: ProcessEnd, { title, timeoutMs, maxOutputBytes }: Program): Reason {
  if (end.kind === 'timed-out') {
    return reason('timed-out', `ran for ${describeDuration(timeoutMs)}, the limit of ${title}`, {
      hint: 'make it faster, or raise its `timeout`',
    })
  }
  if (end.kind === 'too-much-output') {
    const limit = `${Math.round(maxOutputBytes / 1024 / 1024)} MiB`
    return reason('too-much-output', `wrote more than ${limit}, the limit of ${title}`, {
      hint: 'write less, or write to a file',
    })
  }
  const evidence =
    end.exitCode === 127 ? { hint: 'a program it calls was not found: see the last lines of its output' } : {}
  return reason('command-failed', `${title} ended with exit code ${end.exitCode}`, evidence)
}

/** `15 min`, `1 h 30 min`, `90 s`, `250 ms`. */
export function describeDuration(durationMs: number): string {
  if (durationMs < 1000) return `${durationMs} ms`
  const seconds = Math.round(durationMs / 1000)
  if (seconds % 60 !== 0 && seconds < 600) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return `${minutes} min`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}
