/** Entry of the `trunkline` command, behind `bin/trunkline.js`. */
import { runCommandLine } from './command-line.ts'

// Who reads us may go (`| head`): what is under way goes on, and what is written to nobody is no error.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const interrupt = new AbortController()
let interrupts = 0
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    interrupts += 1
    // The first asks everything to end well; the second does not ask.
    if (interrupts > 1) process.exit(130)
    interrupt.abort()
  })
}

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  { stdout: process.stdout, stderr: process.stderr, environment: process.env, cwd: process.cwd() },
  interrupt.signal,
)
// Whatever still holds the event loop (idle sockets of a registry, readers) must not keep a finished command waiting.
setTimeout(() => process.exit(), 500).unref()
