/** A newer Trunkline: its agent, and a router that says so. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { runAgent } from '../../../src/targets/fleet/agent/run-agent.ts'
import { runRouter } from '../../../src/targets/fleet/router/run-router.ts'

const [role, folder, version = '99.0.0'] = process.argv.slice(2)
assert.ok(folder)
const self = fileURLToPath(import.meta.url)
if (role === 'router') process.exit(await runRouter(folder, { isHeld: true, version }))
const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())
const routerCommand = (directory: string): [string, ...string[]] => [
  process.execPath,
  self,
  'router',
  directory,
  version,
]
await runAgent({ fleet: folder, version, routerCommand, signal: ending.signal })
process.exit(0)
