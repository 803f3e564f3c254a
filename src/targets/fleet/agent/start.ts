/** The agent's process: `start.ts <fleet folder>`. */
import { runAgent } from './run-agent.ts'

const fleet = process.argv[2]
if (fleet === undefined) {
  process.stderr.write('usage: start.ts <fleet folder>\n')
  process.exit(2)
}
const ending = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort())
try {
  await runAgent({ fleet, signal: ending.signal })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
// Detached children and pending polls must not keep it.
process.exit(0)
