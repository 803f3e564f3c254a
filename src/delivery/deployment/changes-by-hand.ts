/** What others changed past us, and whether a deployment puts it back. */
import { type Candidate, type Reason, reason, type ServiceName } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'

/** Of a reason to deploy: what others changed is taken back. */
export const changedByHand = 'changed-by-hand'

/** What others changed past us: put back where the target says so, or where a person deploys. */
export async function changesToPutBack(
  target: Target,
  services: readonly ServiceName[],
  { candidate, signal }: { candidate: Candidate; signal: AbortSignal },
): Promise<Map<ServiceName, Reason>> {
  const isWanted = target.repairsDrift === true || candidate.ref === null
  const drift = isWanted ? ((await target.findDrift?.(services, signal)) ?? []) : []
  return new Map(
    drift.map(({ service, subject, fields }) => {
      const what = fields.length === 0 ? 'is gone' : `was changed by hand: ${fields.map(({ path }) => path).join(', ')}`
      return [service, reason(changedByHand, `${subject} ${what}`)]
    }),
  )
}
