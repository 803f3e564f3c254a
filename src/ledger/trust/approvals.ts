/**
 * Approvals, found again in history: a person's own signature decides, not that of the controller that carried the state
 * on. Those that were pushed and do not count are told where they are missed.
 */
import type { Approval, CommitId, EnvironmentState, Reason, RefName } from '../../model/index.ts'
import { judgeEvent, type TrustOptions } from './trusted-history.ts'
import { type Voided, voidedCommit } from './voided.ts'
import { walkBack } from './walk.ts'

export type CountedApprovals = { approvals: Approval[]; refused: Reason[] }

/** Approvals are of what waits, and that did not begin so far back. */
const maxLooked = 2_000

export async function countedApprovals(
  { store, signers }: TrustOptions,
  ref: RefName,
  tip: CommitId,
  state: EnvironmentState,
): Promise<CountedApprovals> {
  const signed = new Set<string>()
  const voided: Voided[] = []
  if (state.waiting === null && state.approvals.length === 0) return { approvals: [], refused: [] }
  let looked = 0
  for await (const entry of walkBack(store, ref, tip, ['event.json'])) {
    if (++looked > maxLooked) break
    if (!entry.files['event.json']?.includes('"approved"') && !isStart(entry.subject)) continue
    const judged = judgeEvent(entry, { signers, ref, name: state.environment, floorMs: 0 })
    if (judged.event?.kind === 'started' && judged.kind === 'counts') break
    if (judged.event?.kind !== 'approved') continue
    if (judged.kind === 'counts') signed.add(keyOf(judged.event))
    else voided.push(voidedCommit(ref, entry, 'approved', judged.why))
  }
  return {
    approvals: state.approvals.filter((approval) => signed.has(keyOf(approval))),
    refused: voided.reverse().map(({ reason }) => reason),
  }
}

const isStart = (subject: string): boolean => / started /.test(subject)

const keyOf = ({ actor, plan, at }: Approval): string => `${plan} ${actor.email.toLowerCase()} ${at}`
