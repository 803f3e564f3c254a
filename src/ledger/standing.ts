/** What stands on each state ref as trunk's list of signers sees it, and vouching for what nobody signed. */
import type { Actor, CommitId, EnvironmentName, RefName, Yank } from '../model/index.ts'
import { reason, short, TrunklineError } from '../model/index.ts'
import type { StateCommit, StateStore } from '../ports/index.ts'
import { formatDocument } from './document.ts'
import { signatureOf } from './event-message.ts'
import type { AppendResult, EnvironmentPosition, LeaseWrite, NewEvent, Snapshot } from './ledger.ts'
import { environmentOf, type StateRefs } from './refs.ts'
import type { Trust, TrustedHistory, Voided } from './trust/index.ts'
import { yanksFile } from './yanks.ts'

/** A ref of the state, and how it stands to the list of signers. */
export type Standing = {
  ref: RefName
  tip: CommitId
  /** null for records and yanks. */
  environment: EnvironmentName | null
  /** Nothing on it is signed by a builder. */
  isUnsigned: boolean
  voided: readonly Voided[]
}

export type StandingParts = {
  store: StateStore
  refs: StateRefs
  trust: Trust
  actor: Actor
  at(): string
  environment(snapshot: Snapshot, name: EnvironmentName): Promise<EnvironmentPosition>
  /** As the tip says it, whoever wrote it. */
  asItStands(name: EnvironmentName, tip: CommitId): Promise<EnvironmentPosition>
  append(
    position: EnvironmentPosition,
    events: readonly NewEvent[],
    leaseWrite: LeaseWrite | null,
    signal: AbortSignal,
  ): Promise<AppendResult>
  yanks(snapshot: Snapshot): Promise<Yank[]>
}

export function createStanding({
  store,
  refs,
  trust,
  actor,
  at,
  environment,
  asItStands,
  append,
  yanks,
}: StandingParts) {
  /** What stands on a ref, and whether it counts; an unsigned history is one that nobody vouches for. */
  async function standing(snapshot: Snapshot): Promise<Standing[]> {
    const found: Standing[] = []
    for (const [ref, tip] of [...snapshot].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const name = environmentOf(refs, ref)
      if (name === null && ref !== refs.builds && ref !== refs.yanks) continue
      const look = async (): Promise<TrustedHistory | null> =>
        name !== null
          ? await trust.environment(ref, name, tip)
          : ref === refs.yanks
            ? await trust.yanks(ref, tip)
            : await trust.records(ref, tip)
      const counts = await look().catch((error: unknown) => {
        if (error instanceof TrunklineError && error.code === 'HISTORY_UNSIGNED') return 'unsigned' as const
        throw error
      })
      const isUnsigned = counts === 'unsigned'
      const voided = counts === null || counts === 'unsigned' ? [] : counts.voided
      found.push({ ref, tip, environment: name, isUnsigned, voided })
    }
    return found
  }

  /** A builder vouches for a history, as it stands where nothing of it counts yet, else for what counts of it. */
  async function adopt(what: Standing, signal: AbortSignal): Promise<'adopted' | 'lost-race'> {
    const { ref, tip, environment: name, isUnsigned } = what
    const why = reason('adopted', `${actor.name} vouches for the history up to ${short(tip)}`)
    if (name !== null) {
      const snapshot: Snapshot = new Map([[ref, tip]])
      const position = isUnsigned ? await asItStands(name, tip) : await environment(snapshot, name)
      const result = await append(position, [{ kind: 'adopted', tip, reasons: [why] }], null, signal)
      return result.kind === 'appended' ? 'adopted' : 'lost-race'
    }
    const base = isUnsigned || ref === refs.yanks ? undefined : (await trust.records(ref, tip)).base
    const list = ref === refs.yanks && !isUnsigned ? await yanks(new Map([[ref, tip]])) : null
    const commit: StateCommit = {
      subject: `adopt ${ref.slice(refs.all.length)} up to ${short(tip)}`,
      body: '',
      trailers: [
        ['Adopts', tip],
        ['Actor', signatureOf(actor)],
      ],
      author: actor,
      at: at(),
      put: list === null ? {} : { [yanksFile]: formatDocument({ version: 1, yanks: list }) },
      remove: [],
      ...(base === undefined || base === tip ? {} : { base }),
    }
    const commits = await trust.sign(ref, [commit], ['builder'])
    const result = await store.push([{ ref, expected: tip, change: { kind: 'append', commits } }], signal)
    return result.kind === 'pushed' ? 'adopted' : 'lost-race'
  }

  return { standing, adopt }
}
