/** Whose word counts in the ledger, and signing our own. Without a list of builders it costs nothing and changes nothing. */
import { canonicalJson } from '../../hashing/index.ts'
import type {
  Actor,
  CommitId,
  EnvironmentName,
  EnvironmentState,
  LedgerEvent,
  Reason,
  RefName,
  Yank,
} from '../../model/index.ts'
import type { Clock, FindSigner, StateCommit, StateCommitEntry, StateStore } from '../../ports/index.ts'
import { type CountedApprovals, countedApprovals } from './approvals.ts'
import { type OwnHand, ownHand, type Role } from './own-hand.ts'
import { signedFor, signedForTrailer } from './signed-commit.ts'
import type { Signers } from './signers.ts'
import { judgeEvent, type TrustedHistory, trustedEnvironment, trustedRecords, trustedYanks } from './trusted-history.ts'

export type { CountedApprovals } from './approvals.ts'
export type { Role } from './own-hand.ts'
export { identifyAsync, type SignedBy } from './signed-commit.ts'
export { allowedSigners, type Signers, signersOf } from './signers.ts'
export { type TrustedHistory, whyNotNow } from './trusted-history.ts'
export type { Voided } from './voided.ts'
export { neededSigner, whoOf, whyNotTheirs } from './who-may.ts'

export type TrustOptions = { store: StateStore; clock: Clock; actor: Actor; findSigner: FindSigner }

export type Trust = ReturnType<typeof createTrust>

const nothingVoided: readonly never[] = []

export function createTrust({ store, clock, actor, findSigner }: TrustOptions) {
  let signers: Signers | null = null
  let signersText = ''
  /** What counts at a tip is asked again and again within one command. */
  const known = new Map<string, Promise<unknown>>()
  let own: Promise<OwnHand> | null = null

  const options = (list: Signers) => ({ store, signers: list, nowMs: clock.now() })

  function once<Result>(key: string, find: () => Promise<Result>): Promise<Result> {
    const found = (known.get(key) as Promise<Result> | undefined) ?? find() // keys name what they hold
    known.set(key, found)
    found.catch(() => known.delete(key))
    return found
  }

  const hand = (list: Signers): Promise<OwnHand> => {
    own ??= ownHand({ signers: list, actor, findSigner, nowMs: clock.now() })
    return own
  }

  return {
    /** Whose word counts from now on, as trunk says; null: that of anyone who may push. */
    under(next: Signers | null): void {
      const text = next === null ? '' : canonicalJson(describe(next))
      if (text === signersText) return
      signers = next
      signersText = text
      known.clear()
      own = null
    },
    signers: (): Signers | null => signers,

    environment: (ref: RefName, name: EnvironmentName, tip: CommitId) => {
      const list = signers
      return list === null ? null : once(`${ref} ${tip}`, () => trustedEnvironment(options(list), ref, name, tip))
    },
    records: (ref: RefName, tip: CommitId): Promise<TrustedHistory> => {
      const list = signers
      if (list === null) return Promise.resolve({ base: tip, voided: nothingVoided })
      return once(`${ref} ${tip}`, () => trustedRecords(options(list), ref, tip))
    },
    yanks: (ref: RefName, tip: CommitId): Promise<TrustedHistory & { yanks: Yank[] }> | null => {
      const list = signers
      return list === null ? null : once(`${ref} ${tip}`, () => trustedYanks(options(list), ref, tip))
    },

    /** Says of an environment's commits, newest first, which count for nothing. Below an adoption all count. */
    judge(ref: RefName, name: EnvironmentName) {
      const list = signers
      let isAdopted = list === null
      return (entry: StateCommitEntry): { event: LedgerEvent | null; why: Reason } | null => {
        if (list === null || isAdopted) return null
        const judged = judgeEvent(entry, { signers: list, ref, name, floorMs: 0 })
        if (judged.kind === 'void') return judged
        isAdopted = judged.event.kind === 'adopted'
        return null
      }
    },

    /** Approvals of a state, each found again where its person signed it; and those that were pushed and do not count. */
    approvals: (ref: RefName, tip: CommitId | null, state: EnvironmentState): Promise<CountedApprovals> => {
      if (signers === null || tip === null) return Promise.resolve({ approvals: state.approvals, refused: [] })
      return countedApprovals(options(signers), ref, tip, state)
    },

    /** Refused early, before any effect: what this process would write must count. */
    async require(role: Role): Promise<void> {
      if (signers !== null) (await hand(signers)).require(role)
    },
    /** Whether what this process writes in this role would count. */
    async can(role: Role): Promise<boolean> {
      return signers === null || (await hand(signers)).can(role)
    },

    /** Commits as this process writes them: signed, and for this very ref of this project. */
    async sign(ref: RefName, commits: readonly StateCommit[], roles: readonly Role[]): Promise<StateCommit[]> {
      const list = signers
      if (list === null) return [...commits]
      const mine = await hand(list)
      for (const role of new Set(roles)) mine.require(role)
      const place = [signedForTrailer, signedFor(list.project, ref)] as const
      return commits.map((commit) => ({ ...commit, trailers: [...commit.trailers, place], signer: mine.signer() }))
    },
  }
}

/** What of the list decides, as data. */
const describe = ({ project, keys }: Signers) => ({
  project,
  keys: [...keys].map(([key, listed]) => [key, listed.map(({ key: _key, ...who }) => ({ ...who }))]),
})
