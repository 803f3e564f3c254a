/** Jobs run once, on one host of the fleet: the first, unless another knows the job already. */
import { cancelledError } from '../../model/index.ts'
import type { Job, JobOutcome, TargetContext } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'
import type { JobStatus, Scope } from './agent/protocol.ts'
import { bringArtifact } from './artifact-transfer.ts'
import { type FleetHost, onEachHost, onHost } from './fleet-host.ts'

const waitMs = 10_000
const stopTimeoutMs = 3000

/**
 * Every host is asked, so that a key never starts twice, whichever host was the first of the list when it did: one that
 * does not answer may know it.
 */
export async function runJobOnce(
  hosts: readonly FleetHost[],
  scope: Scope,
  job: Job,
  context: TargetContext,
): Promise<JobOutcome> {
  const host = (hosts.length > 1 ? (await findJob(hosts, scope, job.key, context.signal))?.host : undefined) ?? hosts[0]
  if (host === undefined) throw new Error('a fleet has at least one host')
  return onHost(host, ({ link }) =>
    link.withAgent(async (agent) => {
      await bringArtifact(job.artifact, context.artifacts, agent, context.signal)
      return runJobToItsEnd(agent, scope, job, context)
    }, context.signal),
  )
}

/** What became of a job, wherever it ran. */
export async function outcomeOfJob(
  hosts: readonly FleetHost[],
  scope: Scope,
  key: string,
  signal: AbortSignal,
): Promise<JobOutcome> {
  return (await findJob(hosts, scope, key, signal))?.outcome ?? { kind: 'never-started' }
}

async function findJob(
  hosts: readonly FleetHost[],
  scope: Scope,
  key: string,
  signal: AbortSignal,
): Promise<{ host: FleetHost; outcome: JobOutcome } | undefined> {
  const found = await onEachHost(hosts, async (host) => {
    const status = await host.link.askAgent(
      (agent) => agent.call('job', { scope, key, offset: 0, waitMs: 0 }, signal),
      signal,
    )
    return { host, outcome: status?.outcome ?? ({ kind: 'never-started' } as const) }
  })
  return found.find(({ outcome }) => outcome.kind !== 'never-started')
}

/**
 * Starts a job, or joins the one that was started with its key, and follows it to its end. Cancelled, it is told to
 * stop: what it came to is then unknown.
 */
async function runJobToItsEnd(agent: AgentClient, scope: Scope, job: Job, context: TargetContext): Promise<JobOutcome> {
  const { signal, epoch } = context
  const show = (status: JobStatus): void => {
    for (const line of status.lines) context.log(line)
  }
  try {
    let status = await agent.call('startJob', { scope, epoch, job: specOf(job) }, signal)
    show(status)
    while (status.outcome.kind === 'running' || status.lines.length > 0) {
      status = await agent.call('job', { scope, key: job.key, offset: status.offset, waitMs }, signal)
      show(status)
    }
    return status.outcome
  } catch (error) {
    if (!signal.aborted) throw error
    // A controller that has lost its lease is refused, and rightly: the job belongs to the next one now.
    await agent.call('stopJob', { scope, epoch, key: job.key }, AbortSignal.timeout(stopTimeoutMs)).catch(() => {})
    throw cancelledError(`${job.name} was cancelled`)
  }
}

const specOf = ({ key, name, service, artifact, run, variables, secrets, timeoutMs }: Job) => ({
  key,
  name,
  service,
  artifact,
  command: run,
  env: variables,
  secrets: [...(secrets ?? Object.keys(variables))],
  timeoutMs,
})
