/** What instances say of one deployment: their lifecycle events, and what their scripts wrote. */
import {
  BatchGetDeploymentTargetsCommand,
  type LifecycleEvent,
  ListDeploymentTargetsCommand,
} from '@aws-sdk/client-codedeploy'
import { codedeployOf, type Parts } from './parts.ts'

export type Instance = {
  id: string
  status: string
  /** Of a blue-green deployment: one that gives way to a new one. */
  isOld: boolean
  /** In their order. */
  events: LifecycleEvent[]
}

export type InstanceEvent = { instance: string; event: LifecycleEvent }

/** So many may be asked for at once. */
const targetsAtOnce = 25
const maxPages = 200

/** None where it has not begun. */
export async function readInstances(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<Instance[]> {
  const ids = await targetIds(parts, deploymentId, signal)
  const found: Instance[] = []
  for (let at = 0; at < ids.length; at += targetsAtOnce) {
    const targetIds = ids.slice(at, at + targetsAtOnce)
    const command = new BatchGetDeploymentTargetsCommand({ deploymentId, targetIds })
    const { deploymentTargets = [] } = await parts.aws.send(codedeployOf(parts), command, { signal })
    for (const { instanceTarget } of deploymentTargets) {
      if (instanceTarget === undefined) continue
      const { targetId = '', status = 'Unknown', lifecycleEvents = [], instanceLabel } = instanceTarget
      const label = instanceLabel === undefined ? '' : ` (${instanceLabel.toLowerCase()})`
      const isOld = instanceLabel === 'Blue'
      found.push({ id: `${targetId.split('/').at(-1)}${label}`, status, isOld, events: lifecycleEvents })
    }
  }
  return found
}

async function targetIds(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<string[]> {
  const { aws } = parts
  const ids: string[] = []
  let nextToken: string | undefined
  try {
    for (let page = 0; page < maxPages; page += 1) {
      const command = new ListDeploymentTargetsCommand({ deploymentId, ...(nextToken ? { nextToken } : {}) })
      const answer = await aws.send(codedeployOf(parts), command, { signal })
      ids.push(...(answer.targetIds ?? []))
      nextToken = answer.nextToken
      if (!nextToken) break
    }
  } catch (error) {
    if (!aws.isError(error, 'DeploymentNotStartedException')) throw error
  }
  return ids
}

/** Those that have begun, in their order in time. */
export const eventsOf = (instances: readonly Instance[]): InstanceEvent[] =>
  instances
    .flatMap(({ id, events }) => events.map((event) => ({ instance: id, event })))
    .filter(({ event }) => event.status !== 'Pending' && event.status !== 'Skipped')
    .sort((left, right) => momentOf(left) - momentOf(right))

const momentOf = ({ event }: InstanceEvent): number => (event.endTime ?? event.startTime)?.getTime() ?? 0

/** What failed first: what comes after it is its consequence. */
export const firstFailure = (instances: readonly Instance[]): InstanceEvent | null =>
  eventsOf(instances).find(({ event }) => event.status === 'Failed') ?? null

/** `i-0a1: AfterInstall failed: scripts/migrate.sh: exit code 1 (ScriptFailed)` */
export function eventLine({ instance, event }: InstanceEvent): string {
  const { lifecycleEventName: name, status = 'Unknown', diagnostics } = event
  const took = event.startTime && event.endTime ? event.endTime.getTime() - event.startTime.getTime() : 0
  const words = `${instance}: ${name} ${status === 'InProgress' ? 'began' : status.toLowerCase()}`
  if (status !== 'Failed') return took >= 1000 ? `${words} after ${Math.round(took / 1000)} s` : words
  const { scriptName, message, errorCode } = diagnostics ?? {}
  const why = [scriptName, message].filter((part) => part !== undefined && part !== '').join(': ')
  const code = errorCode === undefined ? '' : ` (${errorCode})`
  return why === '' ? `${words}${code}` : `${words}: ${why}${code}`
}

/** What its script wrote last. */
export const scriptLines = ({ event }: InstanceEvent): string[] =>
  (event.diagnostics?.logTail ?? '').split('\n').filter((line) => line.trim() !== '')
