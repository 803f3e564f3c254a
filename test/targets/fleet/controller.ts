/** A controller as a process of its own, for tests that kill it: rolls out version 2 of a service and says how it goes. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/clock/index.ts'
import { homeAt } from '../../../src/home/index.ts'
import { createFleetTarget } from '../../../src/targets/fleet/index.ts'
import { webApplication } from '../applications.ts'
import { MemoryStore } from '../memory-store.ts'
import { requestFor } from '../requests.ts'

const [root, service] = process.argv.slice(2)
assert.ok(root && service)
const artifacts = new MemoryStore()
const target = createFleetTarget({
  config: { hosts: ['local'], replicas: 3, ports: {}, listen: '127.0.0.1' },
  project: 'shop',
  environment: 'stage',
  home: homeAt({ TRUNKLINE_HOME: root }),
  clock: systemClock,
})
await target.ensure(
  requestFor(service, await artifacts.addBundle(webApplication('2')), { strategy: 'one-at-a-time' }),
  { signal: new AbortController().signal, epoch: 1, artifacts, report: () => {}, log: (line) => console.log(line) },
)
