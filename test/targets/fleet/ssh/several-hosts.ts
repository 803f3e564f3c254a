/** A fleet of several hosts in networks of their own, reached over SSH, and controllers of it. */
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { systemClock } from '../../../../src/clock/index.ts'
import { homeAt } from '../../../../src/home/index.ts'
import type { FleetConfig } from '../../../../src/model/index.ts'
import type { ArtifactStore, Target, TargetContext } from '../../../../src/ports/index.ts'
import { createFleetTarget } from '../../../../src/targets/fleet/index.ts'
import { type NetworkHosts, startNetworkHosts } from '../../../parts/network-hosts.ts'
import { MemoryStore } from '../../memory-store.ts'
import { seedRuntime } from './ssh-fleet.ts'

export type SeveralHosts = {
  network: NetworkHosts
  target: Target
  artifacts: MemoryStore
  /** A controller of its own configuration, under the same lease. */
  anotherTarget(config: Partial<FleetConfig>): Target
  /** `blobBytes` counts what left the store. */
  context(epoch?: number): TargetContext & { lines: string[]; sent: { blobBytes: number } }
  /** The address of a service at each host's router. */
  urls(service: string): Promise<string[]>
  close(): Promise<void>
}

export const replicas = 2
export const project = { project: 'shop', environment: 'stage' } as const

export async function openSeveralHosts(count: number): Promise<SeveralHosts> {
  const network = await startNetworkHosts(count)
  for (const { home } of network.hosts) seedRuntime(join(home, '.trunkline'))
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-hosts-controller-'))
  const artifacts = new MemoryStore()
  const config: FleetConfig = { hosts: network.hosts.map(({ url }) => url), replicas, ports: {}, listen: '0.0.0.0' }
  const ssh = { configFile: network.configFile, connectTimeoutSeconds: 3, aliveIntervalSeconds: 1 }
  const open = (change: Partial<FleetConfig> = {}) =>
    createFleetTarget({
      config: { ...config, ...change },
      ...project,
      home: homeAt({ TRUNKLINE_HOME: folder }),
      clock: systemClock,
      ssh,
    })
  const target = open()
  return {
    network,
    target,
    artifacts,
    anotherTarget: open,
    context(epoch = 1) {
      const lines: string[] = []
      const sent = { blobBytes: 0 }
      const log = (line: string) => lines.push(line)
      return {
        signal: AbortSignal.timeout(120_000),
        epoch,
        artifacts: counting(artifacts, sent),
        report,
        log,
        lines,
        sent,
      }
    },
    async urls(service) {
      const observation = await target.observe([service], AbortSignal.timeout(30_000))
      assert.ok(observation.reachable)
      return (observation.services[service]?.hosts ?? []).flatMap(({ url }) => url ?? [])
    },
    async close() {
      await network.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const report = () => {}

function counting(store: MemoryStore, sent: { blobBytes: number }): ArtifactStore {
  return {
    location: store.location,
    imageReference: () => store.imageReference(),
    forService: () => store,
    has: (digest) => store.has(digest),
    manifest: (digest) => store.manifest(digest),
    document: (digest) => store.document(digest),
    async blob(descriptor) {
      const count = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          sent.blobBytes += chunk.length
          done(null, chunk)
        },
      })
      return (await store.blob(descriptor)).pipe(count)
    },
    put: store.put,
    tag: store.tag,
    resolveTag: store.resolveTag,
    attach: store.attach,
    referrers: store.referrers,
    remove: store.remove,
  }
}
