/** The answer of a delivery, from those of its environments. */
import type { OutcomeKind, Reason, Release } from '../model/index.ts'
import { worstOutcome } from '../model/index.ts'
import type { DeliveryResult, EnvironmentResult } from './engine.ts'

/** `outcome` null: the worst of the environments'. */
export function ends(
  outcome: OutcomeKind | null,
  event: { commit: string },
  release: Release | null,
  reasons: Reason[],
  environments: EnvironmentResult[],
): DeliveryResult {
  return {
    outcome: outcome ?? worstOutcome(environments.map((environment) => environment.outcome)),
    release: release?.id ?? null,
    commit: event.commit,
    reasons,
    environments,
  }
}

/**
 * Adds environments that had waited for this delivery. What still waits there, or could not begin, is theirs and does
 * not make the delivery worse; a deployment that was begun and went wrong does.
 */
export function withFollowUps(result: DeliveryResult, followUps: readonly EnvironmentResult[]): DeliveryResult {
  const begun = followUps.filter((environment) => environment.deployment !== null)
  return {
    ...result,
    outcome: worstOutcome([result.outcome, ...begun.map((environment) => environment.outcome)]),
    environments: [...result.environments, ...followUps],
  }
}
