/** Pure: which events need whose signature. */
import type { LedgerEvent, Reason } from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import type { SignedBy } from './signed-commit.ts'

/** `person`: who is named as actor, with their own key; `either`: that person or a builder. */
export type NeededSigner = 'builder' | 'person' | 'either'

/**
 * What lets something through is a person's own word. What stops something, a person or a builder may say: a controller
 * does so by itself. Everything else is written by who carries deliveries out.
 */
export function neededSigner(event: Pick<LedgerEvent, 'kind'>): NeededSigner {
  switch (event.kind) {
    case 'approved':
    case 'resumed':
      return 'person'
    case 'rejected':
    case 'held':
    case 'yanked':
    case 'aborted':
      return 'either'
    default:
      return 'builder'
  }
}

/** Why an event does not count from who signed it; null where it does. */
export function whyNotTheirs(event: LedgerEvent, by: SignedBy): Reason | null {
  const needed = neededSigner(event)
  if (needed !== 'person' && by.builder !== null) return null
  if (needed === 'builder') {
    return reason('signed-by-no-builder', `it says ${event.kind}, and ${whoOf(by)} is no builder`)
  }
  const email = event.actor.email.toLowerCase()
  if (!by.emails.includes(email)) {
    return reason('signed-by-another', `it is in the name of ${event.actor.email} and signed by ${whoOf(by)}`)
  }
  // What belongs to a deployment under way is its controller's to say.
  const isReaction = (event.kind === 'held' || event.kind === 'yanked') && (event.deployment ?? null) !== null
  return isReaction ? reason('signed-by-no-builder', `it ends a reaction, and ${email} is no builder`) : null
}

/** As people know the signer. */
export const whoOf = ({ builder, emails, fingerprint }: SignedBy): string => emails[0] ?? builder ?? fingerprint
