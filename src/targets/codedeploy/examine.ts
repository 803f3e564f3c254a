/** For `trunkline doctor`: groups that are there, and what they can promise. */
import type { ServiceName } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import { readGroup } from './deployments.ts'
import { groupOf, type Parts, sayGroup } from './parts.ts'
import { shortDraining } from './promises.ts'

export async function examineGroups(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Examined[]> {
  const found = services.map(async (service): Promise<Examined[]> => {
    const group = await readGroup(parts, service, signal)
    if (group === null) {
      const hint = 'make it with a stack, or name another (`application`, `deploymentGroup`)'
      return [{ isWell: false, message: `${sayGroup(groupOf(parts, service))} is missing`, hint }]
    }
    const draining = await shortDraining(parts, group, signal)
    return [
      { isWell: true, message: `${sayGroup(group.name)} is there` },
      ...draining.map((message) => ({ isWell: false, message })),
    ]
  })
  return (await Promise.all(found)).flat()
}
