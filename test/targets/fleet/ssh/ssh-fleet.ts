/** A fleet on a host over SSH: real sshd, agent, router and instances, on this machine. */

import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../../src/clock/index.ts'
import { homeAt } from '../../../../src/home/index.ts'
import { findMarked } from '../../../../src/targets/fleet/agent/detached-process.ts'
import { fleetPathsAt } from '../../../../src/targets/fleet/agent/fleet-paths.ts'
import { createFleetTarget } from '../../../../src/targets/fleet/index.ts'
import { openHosts } from '../../../../src/targets/fleet/open-hosts.ts'
import { startSshd } from '../../../parts/sshd.ts'
import { MemoryStore } from '../../memory-store.ts'
import type { TargetUnderTest } from '../../target.contract.ts'

const neverAborted = new AbortController().signal

/** The runtime is there already, so that a test does not wait for its copy; `bootstrap.test.ts` waits. */
export function seedRuntime(trunklineHome: string): void {
  const runtime = join(trunklineHome, 'agent', 'runtimes', `v${process.versions.node}`)
  mkdirSync(runtime, { recursive: true })
  symlinkSync(process.execPath, join(runtime, 'node'))
}

export async function openSshFleet(replicas = 2): Promise<TargetUnderTest> {
  const sshd = await startSshd()
  const remoteHome = homeAt({ TRUNKLINE_HOME: join(sshd.home, 't') })
  seedRuntime(remoteHome.root)
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-ssh-controller-'))
  const ssh = { configFile: sshd.configFile }
  const artifacts = new MemoryStore()
  const surroundings = { home: homeAt({ TRUNKLINE_HOME: folder }), clock: systemClock, ssh }
  const target = createFleetTarget({
    config: { hosts: [sshd.host], replicas, ports: {}, listen: '127.0.0.1' },
    project: 'shop',
    environment: 'stage',
    ...surroundings,
  })
  return {
    target,
    artifacts,
    replicas,
    bundle: (files) => artifacts.addBundle(files),
    context(epoch = 1) {
      const lines: string[] = []
      return { signal: neverAborted, epoch, artifacts, report: () => {}, log: (line) => lines.push(line), lines }
    },
    async close() {
      const [host] = openHosts([sshd.host], surroundings)
      const limit = AbortSignal.timeout(60_000)
      try {
        await host.link.askAgent((agent) => agent.call('shutdown', { services: 'stop' }, limit), limit)
      } finally {
        for (const { pid } of findMarked(fleetPathsAt(remoteHome.fleet).fleetId)) process.kill(pid, 'SIGKILL')
        await sshd.stop()
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}
