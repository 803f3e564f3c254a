/** What a deployment group runs, by the deployments that it remembers. */
import type { DeploymentInfo } from '@aws-sdk/client-codedeploy'
import { type Group, lastOfOurs, readDeployment } from './deployments.ts'
import { type Marker, markerIn } from './marker.ts'
import type { Parts } from './parts.ts'

export type Standing = {
  /** The last that went well; null: there is none yet. */
  last: DeploymentInfo | null
  /** What that brought; null: it is none of ours. */
  marker: Marker | null
  /** One after it that has not gone well, or has not ended: instances run different things. */
  unfinished: DeploymentInfo | null
}

export async function readStanding(parts: Parts, { name, info }: Group, signal: AbortSignal): Promise<Standing> {
  const lastId = info.lastSuccessfulDeployment?.deploymentId
  const attemptedId = info.lastAttemptedDeployment?.deploymentId
  const [successful, attempted] = await Promise.all([
    readDeployment(parts, lastId, signal),
    attemptedId === lastId ? null : readDeployment(parts, attemptedId, signal),
  ])
  // An instance more, or one less, is none of the group's business as a whole.
  const isAboutOne = attempted?.creator?.startsWith('autoscaling') === true
  const newer = attempted === null || isAboutOne || isOlder(attempted, successful) ? null : attempted
  const [last, unfinished] = newer !== null && isThrough(newer) ? [newer, null] : [successful, newer]
  if (last === null) return { last, marker: null, unfinished }
  const told = markerIn(last.description)
  if (told !== null || isByPerson(last)) return { last, marker: told, unfinished }
  // CodeDeploy itself brings revisions back, and to new instances: it does not say whose they are.
  const ours = await lastOfOurs(parts, name, signal, last.revision)
  return { last, marker: ours?.marker ?? null, unfinished }
}

/** Also a blue-green one that has only to take its old instances away, which may wait for days. */
export const isThrough = ({ status, instanceTerminationWaitTimeStarted: keepsOld }: DeploymentInfo): boolean =>
  status === 'Succeeded' || (keepsOld === true && !hasFailed.has(status))

const hasFailed: ReadonlySet<string | undefined> = new Set(['Failed', 'Stopped'])

const isOlder = (left: DeploymentInfo, right: DeploymentInfo | null): boolean =>
  right !== null && (left.createTime?.getTime() ?? 0) < (right.createTime?.getTime() ?? 0)

export const isByPerson = ({ creator }: DeploymentInfo): boolean => creator === undefined || creator === 'user'

/** How many instances a deployment was for. */
export function countOf(info: DeploymentInfo | null): { ready: number; desired: number } {
  const {
    Pending = 0,
    InProgress = 0,
    Succeeded = 0,
    Failed = 0,
    Skipped = 0,
    Ready = 0,
  } = info?.deploymentOverview ?? {}
  return { ready: Succeeded, desired: Pending + InProgress + Succeeded + Failed + Skipped + Ready }
}
