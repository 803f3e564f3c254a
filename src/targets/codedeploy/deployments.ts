/** Deployments of CodeDeploy: found, made and stopped. */
import {
  BatchGetDeploymentsCommand,
  CreateDeploymentCommand,
  type DeploymentGroupInfo,
  type DeploymentInfo,
  type DeploymentStatus,
  GetDeploymentCommand,
  GetDeploymentGroupCommand,
  ListDeploymentsCommand,
  type RevisionLocation,
  StopDeploymentCommand,
} from '@aws-sdk/client-codedeploy'
import { refusedError, type ServiceName } from '../../model/index.ts'
import { type Marker, markerIn } from './marker.ts'
import { codedeployOf, type GroupName, groupOf, type Parts } from './parts.ts'
import { isSameRevision } from './revision.ts'

export type Group = { name: GroupName; info: DeploymentGroupInfo }

const active: DeploymentStatus[] = ['Created', 'Queued', 'InProgress', 'Baking', 'Ready']
/** So many may be asked for at once. */
const deploymentsAtOnce = 25
const pagesBack = 4

/** null: there is no such group, or no such application. */
export async function readGroup(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Group | null> {
  const { aws } = parts
  const name = groupOf(parts, service)
  try {
    const { deploymentGroupInfo: info } = await aws.send(codedeployOf(parts), new GetDeploymentGroupCommand(name), {
      signal,
    })
    return info === undefined ? null : { name, info }
  } catch (error) {
    if (aws.isError(error, 'DeploymentGroupDoesNotExistException')) return null
    if (aws.isError(error, 'ApplicationDoesNotExistException')) return null
    throw error
  }
}

/** null: CodeDeploy has forgotten it. */
export async function readDeployment(
  parts: Parts,
  deploymentId: string | undefined,
  signal: AbortSignal,
): Promise<DeploymentInfo | null> {
  const { aws } = parts
  if (deploymentId === undefined) return null
  try {
    const answer = await aws.send(codedeployOf(parts), new GetDeploymentCommand({ deploymentId }), { signal })
    return answer.deploymentInfo ?? null
  } catch (error) {
    if (aws.isError(error, 'DeploymentDoesNotExistException')) return null
    throw error
  }
}

/** A group has one at a time; null: it is at rest. */
export async function activeDeployment(parts: Parts, name: GroupName, signal: AbortSignal) {
  const [found] = await newestFirst(parts, name, active, 1, signal)
  return found ?? null
}

/** The newest of ours that went well, also where others came after it. */
export async function lastOfOurs(
  parts: Parts,
  name: GroupName,
  signal: AbortSignal,
  revision?: RevisionLocation,
): Promise<{ info: DeploymentInfo; marker: Marker } | null> {
  for (const info of await newestFirst(parts, name, ['Succeeded'], pagesBack, signal)) {
    const marker = markerIn(info.description)
    if (marker !== null && (revision === undefined || isSameRevision(info.revision, revision))) return { info, marker }
  }
  return null
}

async function newestFirst(
  parts: Parts,
  name: GroupName,
  includeOnlyStatuses: DeploymentStatus[],
  pages: number,
  signal: AbortSignal,
): Promise<DeploymentInfo[]> {
  const { aws } = parts
  const list = new ListDeploymentsCommand({ ...name, includeOnlyStatuses })
  const { deployments = [] } = await aws.send(codedeployOf(parts), list, { signal })
  const found: DeploymentInfo[] = []
  for (let at = 0; at < Math.min(deployments.length, pages * deploymentsAtOnce); at += deploymentsAtOnce) {
    const deploymentIds = deployments.slice(at, at + deploymentsAtOnce)
    const get = new BatchGetDeploymentsCommand({ deploymentIds })
    found.push(...((await aws.send(codedeployOf(parts), get, { signal })).deploymentsInfo ?? []))
  }
  return found.sort((left, right) => (right.createTime?.getTime() ?? 0) - (left.createTime?.getTime() ?? 0))
}

export type Wanted = {
  name: GroupName
  revision: RevisionLocation
  description: string
  configuration: string
  ignoreStopFailures: boolean
}

/** null: another one is in progress. */
export async function createDeployment(parts: Parts, wanted: Wanted, signal: AbortSignal): Promise<string | null> {
  const { aws } = parts
  const command = new CreateDeploymentCommand({
    ...wanted.name,
    revision: wanted.revision,
    description: wanted.description,
    deploymentConfigName: wanted.configuration,
    ignoreApplicationStopFailures: wanted.ignoreStopFailures,
  })
  try {
    return (await aws.send(codedeployOf(parts), command, { signal, writes: true })).deploymentId ?? null
  } catch (error) {
    if (aws.isError(error, 'DeploymentLimitExceededException')) return null
    if (aws.isError(error, 'DeploymentConfigDoesNotExistException')) throw noConfiguration(wanted.configuration, error)
    throw error
  }
}

const noConfiguration = (name: string, cause: unknown) =>
  refusedError('NO_DEPLOYMENT_CONFIGURATION', `there is no deployment configuration ${name}`, {
    hint: 'make it with a stack, name another (`configuration` of the target), or leave it out: `rollout` chooses one',
    cause,
  })

/** With the way back, as far as CodeDeploy knows one. Whether there was something to stop. */
export async function stopDeployment(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<boolean> {
  const { aws } = parts
  const command = new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true })
  try {
    await aws.send(codedeployOf(parts), command, { signal, writes: true })
    return true
  } catch (error) {
    if (aws.isError(error, 'DeploymentAlreadyCompletedException')) return false
    throw error
  }
}
