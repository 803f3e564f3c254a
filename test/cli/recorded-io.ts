/** Standard streams that remember, for command lines that run in this process. */
import { Writable } from 'node:stream'
import type { Io } from '../../src/cli/command.ts'
import { runCommandLine } from '../../src/cli/command-line.ts'

export type RecordedRun = { exitCode: number; stdout: string; stderr: string }

export type RecordedOptions = { isTTY?: boolean; environment?: Record<string, string>; cwd?: string }

/** Runs one command line as `bin/trunkline` would. */
export async function runRecorded(words: readonly string[], options: RecordedOptions = {}): Promise<RecordedRun> {
  const stdout = recorder(options.isTTY ?? false)
  const stderr = recorder(options.isTTY ?? false)
  const io: Io = {
    stdout: stdout.stream,
    stderr: stderr.stream,
    environment: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', ...options.environment },
    cwd: options.cwd ?? process.cwd(),
  }
  const exitCode = await runCommandLine(words, io, new AbortController().signal)
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function recorder(isTTY: boolean) {
  const chunks: string[] = []
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk))
      done()
    },
  })
  return {
    // Of a terminal's stream, commands use writing and these two.
    stream: Object.assign(stream, { isTTY, columns: 100 }) as unknown as NodeJS.WriteStream,
    text: () => chunks.join(''),
  }
}
