/** A controller as a process of its own, for tests that kill it: a canary of version 2 that stops at a stage for ever. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/clock/index.ts'
import { homeAt } from '../../../src/home/index.ts'
import { createFleetTarget } from '../../../src/targets/fleet/index.ts'
import { webApplication } from '../applications.ts'
import { MemoryStore } from '../memory-store.ts'
import { requestFor } from '../requests.ts'

const [root, service, strategy, stopAt, epoch] = process.argv.slice(2)
assert.ok(root && service && strategy && stopAt)
const artifacts = new MemoryStore()
const target = createFleetTarget({
  config: { hosts: ['local'], replicas: 3, ports: {}, listen: '127.0.0.1' },
  project: 'shop',
  environment: 'stage',
  home: homeAt({ TRUNKLINE_HOME: root }),
  clock: systemClock,
})
await target.ensure(
  requestFor(service, await artifacts.addBundle(webApplication('2')), { strategy: JSON.parse(strategy) }),
  {
    signal: new AbortController().signal,
    epoch: Number(epoch),
    artifacts,
    report: ({ stage }) => console.log(`${stage?.phase} ${stage?.weight}`),
    log: () => {},
    verifyStage: async ({ weight }) => {
      console.log(`stage ${weight}`)
      if (String(weight) === stopAt) await new Promise(() => setInterval(() => {}, 1000))
      return { ok: true }
    },
  },
)
