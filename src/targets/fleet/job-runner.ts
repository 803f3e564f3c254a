import { cancelledError } from '../../model/index.ts'
import type { Job, JobOutcome, TargetContext } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'
import type { JobStatus, Scope } from './agent/protocol.ts'

const waitMs = 10_000
const stopTimeoutMs = 3000

/**
 * Starts a job, or joins the one that was started with its key, and follows it to its end. Cancelled, it is told to
 * stop: what it came to is then unknown.
 */
export async function runJobToItsEnd(
  agent: AgentClient,
  scope: Scope,
  job: Job,
  context: TargetContext,
): Promise<JobOutcome> {
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
