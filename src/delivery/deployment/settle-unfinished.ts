/** A deployment that was begun and is not gone on with ends in the history, whatever takes its place. */
import type { NewEvent } from '../../ledger/index.ts'
import type { ActiveDeployment, DeploymentId, Reason } from '../../model/index.ts'
import { reason } from '../../model/index.ts'

/** The event that ends it; none where it has ended, or where `next` is that very deployment, gone on with. */
export function settlingUnfinished(
  old: ActiveDeployment | null,
  next: DeploymentId | null,
  why: (version: string) => Reason,
): NewEvent[] {
  if (old === null || old.id === next || old.phase === 'aborted') return []
  return [{ kind: 'aborted', deployment: old.id, reasons: [why(old.candidate.version)] }]
}

/** Another release takes its place, by a deployment (`next`) or because it runs already. */
export const settlingReplaced = (
  old: ActiveDeployment | null,
  next: DeploymentId | null,
  { version }: { version: string },
): NewEvent[] =>
  settlingUnfinished(old, next, (before) => reason('replaced', `${version} takes the place of ${before}`))
