/** A group has one deployment at a time: ours is gone on with, one of somebody else is waited for. */
import type { DeploymentInfo } from '@aws-sdk/client-codedeploy'
import { erroredError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { activeDeployment } from './deployments.ts'
import { type GroupName, type Parts, sayGroup } from './parts.ts'

export type Beginning = {
  /** Whether a deployment in progress is what would be begun. */
  isIt(info: DeploymentInfo): boolean
  /** null: another one was faster. */
  begin(): Promise<'as-it-should-be' | { deploymentId: string } | null>
}

/** The id of what is to be watched; null: nothing is to be done. */
export async function beginOrJoin(
  parts: Parts,
  name: GroupName,
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
  { isIt, begin }: Beginning,
): Promise<string | null> {
  const { clock, config, aws, lookEveryMs } = parts
  const endMs = clock.monotonicMs() + config.timeoutMs
  const waited = new Set<string>()
  const look = async (): Promise<{ deploymentId: string | null } | null> => {
    const other = await activeDeployment(parts, name, signal)
    if (other === null) {
      const begun = await begin()
      if (begun === null) return null
      return { deploymentId: begun === 'as-it-should-be' ? null : begun.deploymentId }
    }
    const { deploymentId = '' } = other
    if (isIt(other)) {
      log(`goes on with ${deploymentId}, which is in progress`)
      return { deploymentId }
    }
    if (clock.monotonicMs() >= endMs) throw busy(name, other)
    if (!waited.has(deploymentId)) {
      waited.add(deploymentId)
      log(`waits for ${deploymentId}, ${whose(other)}: a deployment group has one deployment at a time`)
    }
    return null
  }
  const what = `${sayGroup(name)} to be free`
  // A look more than the bound, so that it says what was in the way.
  const timeoutMs = config.timeoutMs + 2 * lookEveryMs
  return (await aws.waitFor({ what, look, timeoutMs, intervalMs: lookEveryMs, signal, log })).deploymentId
}

const busy = (name: GroupName, other: DeploymentInfo) =>
  erroredError('DEPLOYMENT_BUSY', `${sayGroup(name)} is busy with ${other.deploymentId}, ${whose(other)}`, {
    hint: 'wait until that has ended, or stop it, then try again',
  })

const whose = ({ creator, description }: DeploymentInfo): string =>
  description ? `“${description}”` : `begun by ${creator === 'user' || !creator ? 'somebody else' : creator}`
