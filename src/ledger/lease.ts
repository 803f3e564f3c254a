/** Pure: the document of a lease, and who holds it. How long it stays unchanged is measured by the observer. */
import type { EnvironmentName, EnvironmentState } from '../model/index.ts'
import type { LeaseHolder, StateCommit } from '../ports/index.ts'
import { formatDocument } from './document.ts'

export type Lease = {
  version: 1
  environment: EnvironmentName
  /** Grows with every acquisition: targets refuse an older one. */
  epoch: number
  /** null: released, free for the next. */
  holder: LeaseHolder | null
  /** Counts renewals, so that each one changes the ref. */
  renewal: number
  at: string
}

export const leaseFile = 'lease.json'

/** How far epochs may run ahead of the ledger: holders that write no event, and what somebody forged. */
const epochRoom = 1_000_000

/**
 * The lease of whoever takes it next. Leases are not signed, so the ledger, which may be, keeps their epochs in bounds:
 * one that was forged low, or removed, lets no controller of before count as the newer at a platform; one that was
 * forged high uses nothing up. A lease that is missing where there is a history begins at the upper end: no platform can
 * have seen more.
 */
export function nextLease(
  previous: Lease | null,
  { environment, seq }: Pick<EnvironmentState, 'environment' | 'seq'>,
  holder: LeaseHolder,
  at: string,
): Lease {
  const most = seq === 0 ? 0 : seq + epochRoom
  const before = previous === null ? most : Math.max(previous.epoch, seq)
  return { version: 1, environment, epoch: Math.min(before, seq + epochRoom) + 1, holder, renewal: 0, at }
}

export const renewed = (lease: Lease, at: string): Lease => ({ ...lease, renewal: lease.renewal + 1, at })

export const released = (lease: Lease, at: string): Lease => ({
  ...lease,
  holder: null,
  renewal: lease.renewal + 1,
  at,
})

export function leaseCommit(lease: Lease, author: { name: string; email: string }): StateCommit {
  const what = lease.holder === null ? 'released' : `held by ${lease.holder.label}`
  return {
    subject: `${lease.environment}: lease ${lease.epoch} ${what}`,
    body: '',
    trailers: [
      ['Epoch', String(lease.epoch)],
      ['Renewal', String(lease.renewal)],
    ],
    author,
    at: lease.at,
    put: { [leaseFile]: formatDocument(lease) },
    remove: [],
  }
}
