/** Pure: the document of a lease, and who holds it. How long it stays unchanged is measured by the observer. */
import type { EnvironmentName } from '../model/index.ts'
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

export const nextLease = (
  previous: Lease | null,
  environment: EnvironmentName,
  holder: LeaseHolder,
  at: string,
): Lease => ({ version: 1, environment, epoch: (previous?.epoch ?? 0) + 1, holder, renewal: 0, at })

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
