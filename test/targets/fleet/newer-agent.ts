/** An agent that says it is of a far later version. */
import assert from 'node:assert/strict'
import { runAgent } from '../../../src/targets/fleet/agent/run-agent.ts'

const fleet = process.argv[2]
assert.ok(fleet)
const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())
await runAgent({ fleet, version: '99.0.0', signal: ending.signal })
process.exit(0)
