/** What the agent does for each operation of its protocol. */
import { type Digest, erroredError } from '../../../model/index.ts'
import type { Manifest } from '../../../ports/index.ts'
import { programFolder } from '../../../program/index.ts'
import type { ArtifactCache } from './artifact-cache.ts'
import type { Changes } from './changes.ts'
import type { Fence } from './fence.ts'
import type { Fingerprinter } from './fingerprints.ts'
import type { Host } from './host.ts'
import type { Jobs } from './jobs.ts'
import type { Lifecycles } from './lifecycles.ts'
import { readLastLines, readNewLines } from './log-reading.ts'
import {
  type AgentDescription,
  agentProtocol,
  type OperationInput,
  type OperationName,
  type OperationOutput,
} from './protocol.ts'
import type { ServiceStatuses } from './service-status.ts'
import type { Supervisor } from './supervisor.ts'

export type AgentParts = {
  host: Host
  version: string
  artifacts: ArtifactCache
  supervisor: Supervisor
  statuses: ServiceStatuses
  jobs: Jobs
  lifecycles: Lifecycles
  fence: Fence
  fingerprint: Fingerprinter
  changes: Changes
  /** Ends the agent, after the answer to the request that asked for it. */
  shutDown(services: 'keep' | 'stop'): Promise<void>
}

export type OperationHandlers = {
  [Name in OperationName]: (input: OperationInput<Name>, signal: AbortSignal) => Promise<OperationOutput[Name]>
}

/** How often output files are looked at for someone who follows them. */
const followEveryMs = 200
/** Everything of a project is to be gone: bounded by the longest stop of an instance, and then some. */
const maxRemovalMs = 120_000

export function operationHandlers(parts: AgentParts): OperationHandlers {
  const { host, artifacts, supervisor, statuses, jobs, fence, changes } = parts
  const { clock } = host

  /** Looks again at each change, and at least every `everyMs`, until there is an answer or time is up. */
  const until = async <T>(
    waitMs: number,
    everyMs: number,
    signal: AbortSignal,
    look: () => { answer: T; isFinal: boolean },
  ): Promise<T> => {
    const deadlineMs = clock.monotonicMs() + waitMs
    for (;;) {
      const { answer, isFinal } = look()
      const leftMs = deadlineMs - clock.monotonicMs()
      if (isFinal || leftMs <= 0) return answer
      await changes.next(Math.min(leftMs, everyMs), signal)
    }
  }

  return {
    describe: async () => describeAgent(host, parts.version),

    shutdown: async ({ services }) => {
      await parts.shutDown(services)
      return {}
    },

    missingBlobs: async ({ artifact, blobs }) =>
      artifacts.has(artifact)
        ? { installed: true, missing: [] }
        : { installed: false, missing: artifacts.missingBlobs(blobs) },

    installArtifact: async ({ digest, manifest }, signal) => {
      const blobs: Digest[] = [manifest.config, ...manifest.layers].map((descriptor) => descriptor.digest)
      const [missing] = artifacts.has(digest) ? [] : artifacts.missingBlobs(blobs)
      if (missing !== undefined) throw erroredError('BLOB_MISSING', `blob ${missing} of ${digest} was not received`)
      // Checked as far as it is used; the rest is the controller's, who has verified it against the digest.
      await artifacts.install(digest, manifest as unknown as Manifest, signal)
      return {}
    },

    fingerprint: async ({ scope, variables }) => ({
      fingerprints: Object.fromEntries(
        Object.entries(variables).map(([service, values]) => [service, parts.fingerprint(scope, service, values)]),
      ),
    }),

    observe: async ({ scope }) => ({
      services: supervisor.servicesOf(scope).map((service) => statuses.statusOf(scope, service)),
    }),

    service: ({ scope, service, after, waitMs }, signal) =>
      until(waitMs, waitMs, signal, () => {
        const answer = statuses.statusOf(scope, service)
        return { answer, isFinal: answer.revision !== after }
      }),

    reserveAddresses: async ({ scope, epoch, listen, router, services }) => {
      fence.pass(scope, epoch)
      const addresses: OperationOutput['reserveAddresses']['addresses'] = {}
      for (const { service, port } of services) {
        addresses[service] = await supervisor.reserveAddress(scope, service, { host: listen, port, router })
      }
      return { addresses }
    },

    prepareGeneration: async ({ scope, epoch, service, template }) => {
      fence.pass(scope, epoch)
      supervisor.prepareGeneration(scope, service, template)
      return statuses.statusOf(scope, service)
    },

    act: async ({ scope, epoch, service, actions }) => {
      fence.pass(scope, epoch)
      await supervisor.act(scope, service, actions)
      return statuses.statusOf(scope, service)
    },

    settle: async ({ scope, epoch, service, generation }) => {
      fence.pass(scope, epoch)
      supervisor.settle(scope, service, generation)
      return statuses.statusOf(scope, service)
    },

    startLifecycle: async ({ scope, epoch, service, generation }) => {
      fence.pass(scope, epoch)
      return parts.lifecycles.start(scope, service, generation)
    },

    removeService: async ({ scope, epoch, service }) => {
      fence.pass(scope, epoch)
      await supervisor.removeService(scope, service)
      return {}
    },

    removeProject: async ({ project }, signal) => {
      await parts.lifecycles.removeAll(project)
      jobs.removeAll(project)
      await supervisor.removeAll(project)
      await until(maxRemovalMs, followEveryMs, signal, () => ({
        answer: null,
        isFinal: supervisor.remaining(project) === 0,
      }))
      supervisor.forgetEndedOf(project)
      fence.forgetProject(project)
      return {}
    },

    startJob: async ({ scope, epoch, job }) => {
      fence.pass(scope, epoch)
      jobs.start(scope, job)
      return jobs.status(scope, job.key, 0)
    },

    job: ({ scope, key, offset, waitMs }, signal) =>
      until(waitMs, followEveryMs, signal, () => {
        const answer = jobs.status(scope, key, offset)
        return { answer, isFinal: answer.outcome.kind !== 'running' || answer.lines.length > 0 }
      }),

    stopJob: async ({ scope, epoch, key }) => {
      fence.pass(scope, epoch)
      jobs.stop(scope, key)
      return jobs.status(scope, key, 0)
    },

    logs: ({ scope, service, instance, lines, cursor, waitMs }, signal) =>
      until(waitMs, followEveryMs, signal, () => {
        const all = supervisor.withEnded(scope, service)
        const read = instance === null ? all : all.filter(({ record }) => record.id === instance)
        const answer =
          cursor === null
            ? readLastLines(read, lines, supervisor.logTimes)
            : readNewLines(read, cursor, supervisor.logTimes)
        return { answer, isFinal: cursor === null || answer.lines.length > 0 }
      }),
  }
}

export const describeAgent = (host: Host, version: string): AgentDescription => ({
  protocol: agentProtocol,
  version,
  pid: process.pid,
  fleetId: host.paths.fleetId,
  program: programFolder,
})
