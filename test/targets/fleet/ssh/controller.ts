/** A controller as a process of its own, for a test that kills it: rolls out version 5 of `api` and says how it goes. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { systemClock } from '../../../../src/clock/index.ts'
import { homeAt } from '../../../../src/home/index.ts'
import { createFleetTarget } from '../../../../src/targets/fleet/index.ts'
import { webApplication } from '../../applications.ts'
import { MemoryStore } from '../../memory-store.ts'
import { requestFor } from '../../requests.ts'
import { project, replicas } from './several-hosts.ts'

const [folder, configFile, hosts] = process.argv.slice(2)
assert.ok(folder && configFile && hosts)
const artifacts = new MemoryStore()
const target = createFleetTarget({
  config: { hosts: hosts.split(','), replicas, ports: {}, listen: '0.0.0.0' },
  ...project,
  home: homeAt({ TRUNKLINE_HOME: join(folder, 'controller') }),
  clock: systemClock,
  ssh: { configFile },
})
await target.ensure(requestFor('api', await artifacts.addBundle(webApplication('5')), { strategy: 'one-at-a-time' }), {
  signal: new AbortController().signal,
  epoch: 9,
  artifacts,
  report: () => {},
  log: (line) => console.log(line),
})
