/** What stories have in common: how they look at environments and at what a command said. */
import type { DeliveryResult } from '../../delivery/index.ts'
import type { EnvironmentStatus } from '../../reporting/index.ts'
import type { Playground } from '../playground.ts'
import { expect } from '../story.ts'

export async function environmentOf(playground: Playground, name: string): Promise<EnvironmentStatus> {
  const [found] = await playground.status(name)
  expect(found !== undefined, `there is an environment ${name}`)
  return found
}

export function expectOutcome(result: DeliveryResult, outcome: DeliveryResult['outcome']): void {
  const error = (result as { error?: { message: string } }).error // What `--json` prints where a command could not run at all.
  const why = [
    error?.message,
    ...(result.reasons ?? []).map((reason) => reason.message),
    ...(result.environments ?? []).flatMap((environment) => environment.reasons.map((reason) => reason.message)),
  ]
  expect(
    result.outcome === outcome,
    `the outcome is ${outcome}, not ${result.outcome ?? 'an error'}: ${why.filter(Boolean).join('; ')}`,
  )
}

export const sameBytes = (one: EnvironmentStatus, other: EnvironmentStatus): boolean =>
  one.services.every(
    (service) => other.services.find((known) => known.name === service.name)?.artifact === service.artifact,
  )

export const short = (id: string | null): string => (id ?? '').slice(0, 12)
