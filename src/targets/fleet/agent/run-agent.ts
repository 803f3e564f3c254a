/**
 * The fleet agent of one host: supervises instances and jobs, and watches the router. It may be killed, restarted or
 * replaced at any moment: instances, jobs and router are processes of their own and go on; the next agent takes over.
 */
import { existsSync, rmSync } from 'node:fs'
import { systemClock, systemRandom } from '../../../clock/index.ts'
import { refusedError } from '../../../model/index.ts'
import type { Clock, Random } from '../../../ports/index.ts'
import { tryLockFile } from '../../../process/index.ts'
import { programVersion } from '../../../program/index.ts'
import { createRouterClient, routerSocketPath } from '../router/index.ts'
import { createAgentServer } from './agent-server.ts'
import { ArtifactCache } from './artifact-cache.ts'
import { Changes } from './changes.ts'
import { Fence } from './fence.ts'
import { openFingerprinter } from './fingerprints.ts'
import { fleetPathsAt, makeFleetFolders } from './fleet-paths.ts'
import { baseEnvironmentOf, type Host } from './host.ts'
import { Jobs } from './jobs.ts'
import { Lifecycles } from './lifecycles.ts'
import { rotateLog } from './log-file.ts'
import { operationHandlers } from './operations.ts'
import { Pacer } from './pacer.ts'
import { createRouterProcess } from './router-process.ts'
import { Routing } from './routing.ts'
import { ServiceStatuses } from './service-status.ts'
import { Supervisor } from './supervisor.ts'

export type AgentOptions = {
  /** `home.fleet`: everything of the agent is in there. */
  fleet: string
  /** Aborted: the agent ends, services keep running. */
  signal: AbortSignal
  version?: string
  clock?: Clock
  random?: Random
  environment?: NodeJS.ProcessEnv
  /** Program and arguments that run the router for a folder. */
  routerCommand?: (directory: string) => [string, ...string[]]
  log?(message: string): void
}

const busyTickMs = 100
const idleTickMs = 500
const orphanSweepMs = 60_000
const agentLogRotation = { maxBytes: 5 * 1024 * 1024, keptFiles: 1 }
const maxStopMs = 120_000

/** Runs until it is told to end. Refused `AGENT_RUNNING` where one runs for this folder already. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const paths = fleetPathsAt(options.fleet)
  makeFleetFolders(paths)
  const lock = await tryLockFile(paths.lock)
  if (lock === null) throw refusedError('AGENT_RUNNING', `an agent runs for ${paths.root} already`)
  const host: Host = {
    paths,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    baseEnvironment: baseEnvironmentOf(options.environment ?? process.env),
    log: options.log ?? ((message) => console.log(`${new Date().toISOString()} ${message}`)),
  }
  try {
    await superviseUntilEnd(host, options)
  } finally {
    lock.release()
  }
}

async function superviseUntilEnd(host: Host, options: AgentOptions): Promise<void> {
  const { paths, clock } = host
  const version = options.version ?? programVersion
  const pacer = new Pacer(options.signal)
  const wake = () => pacer.wake()
  const changes = new Changes()
  const client = createRouterClient(routerSocketPath(paths.router))
  const router = createRouterProcess(host, client, {
    command: options.routerCommand?.(paths.router),
    version: options.version,
  })
  const artifacts = new ArtifactCache(host)
  const routing = new Routing(host, client, () => router.ensureRunning())
  const supervisor = new Supervisor({ host, artifacts, routing, wake })
  const jobs = new Jobs(host, artifacts, changes, wake)
  const lifecycles = new Lifecycles(host, supervisor, jobs)

  const stopEverything = async (): Promise<void> => {
    await lifecycles.removeAll(null)
    jobs.removeAll(null)
    await supervisor.removeAll(null)
    const deadlineMs = clock.monotonicMs() + maxStopMs
    while (supervisor.remaining(null) > 0 && clock.monotonicMs() < deadlineMs) {
      await changes.next(busyTickMs, AbortSignal.timeout(maxStopMs))
    }
    await router.stop()
    pacer.pause()
  }
  const server = createAgentServer(
    operationHandlers({
      host,
      version,
      artifacts,
      supervisor,
      statuses: new ServiceStatuses(host, supervisor, routing),
      jobs,
      lifecycles,
      fence: new Fence(paths.epochs),
      fingerprint: openFingerprinter(paths.key),
      changes,
      shutDown: async (services) => {
        host.log(services === 'keep' ? 'ending; services keep running' : 'ending, with everything that runs')
        if (services === 'stop') await stopEverything()
        // After the answer has gone out.
        setTimeout(() => pacer.end(), 20)
      },
    }),
    artifacts,
    host.log,
  )

  await router.ensureRunning()
  supervisor.endOrphans(jobs.markers)
  await supervisor.tick(clock.now())
  await server.listen(paths.socket)
  host.log(`agent ${version} (pid ${process.pid}) looks after ${supervisor.remaining(null)} instances`)
  try {
    let sweptAtMs = clock.monotonicMs()
    while (await pacer.next(supervisor.isBusy || jobs.running.length > 0 ? busyTickMs : idleTickMs)) {
      const isSweepDue = clock.monotonicMs() - sweptAtMs >= orphanSweepMs
      try {
        await supervisor.tick(clock.now())
        jobs.tick(clock.now())
        if (isSweepDue) supervisor.endOrphans(jobs.markers)
      } catch (error) {
        // A full disk, say: what can be looked after still is, and the rest is tried again at the next beat.
        host.log(error instanceof Error ? (error.stack ?? error.message) : String(error))
      }
      changes.announce()
      if (!isSweepDue) continue
      sweptAtMs = clock.monotonicMs()
      rotateLog(paths.log, agentLogRotation)
    }
  } finally {
    await server.close()
    routing.close()
    client.close()
    if (existsSync(paths.socket)) rmSync(paths.socket, { force: true })
  }
}
