/** All that must hold of a history. */
import type { History } from '../simulate-history.ts'
import { anyCommitIsPromotable, buildOnce, buildSeesOnlyItsInputs, sameBytes } from './builds.ts'
import { type Evidence, gatherEvidence, type Violation } from './evidence.ts'
import { forgeriesNeverCount } from './forgeries.ts'
import {
  approvalBindsToAPlan,
  oneDeploymentPerEnvironment,
  onlyWhatWasVerifiedMovesOn,
  policyComesFromTrunk,
  yankedNeverRunsAgain,
} from './gates.ts'
import { everythingMoves } from './liveness.ts'
import { hooksComeBetweenServices } from './order.ts'
import {
  capacityNeverDrops,
  hooksRunOnce,
  ledgerOnlyGrows,
  planExplainsItself,
  rollbackGoesToWhatWasHealthy,
  secretsAreNowhere,
} from './running.ts'
import { stagesAreKept } from './stages.ts'

export type { Violation } from './evidence.ts'

const checkers: ReadonlyArray<(evidence: Evidence) => Violation[]> = [
  buildOnce,
  sameBytes,
  anyCommitIsPromotable,
  onlyWhatWasVerifiedMovesOn,
  yankedNeverRunsAgain,
  oneDeploymentPerEnvironment,
  capacityNeverDrops,
  hooksRunOnce,
  approvalBindsToAPlan,
  rollbackGoesToWhatWasHealthy,
  buildSeesOnlyItsInputs,
  policyComesFromTrunk,
  secretsAreNowhere,
  planExplainsItself,
  ledgerOnlyGrows,
  stagesAreKept,
  forgeriesNeverCount,
  hooksComeBetweenServices,
  everythingMoves,
  noBugs,
]

/** Only errors with a code may be thrown: anything else is a bug. */
function noBugs({ history }: Evidence): Violation[] {
  return history.world.chronicle.runs.flatMap(({ outcome, endedMs, action }): Violation[] => {
    if (outcome.kind !== 'threw') return []
    const { error } = outcome
    const hasCode = error instanceof Error && 'code' in error && 'kind' in error
    if (hasCode) return []
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return [
      {
        invariant: 'liveness',
        atMs: endedMs ?? 0,
        text: `action ${action.id} (${action.act.kind}) hits a bug: ${text}`,
      },
    ]
  })
}

export function checkHistory(history: History): Violation[] {
  const evidence = gatherEvidence(history)
  return checkers.flatMap((check) => check(evidence))
}
