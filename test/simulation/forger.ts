/** Somebody who may push and is on no list, or lends their key: approvals, holds and records straight to the remote. */
import { eventMessage } from '../../src/ledger/event-message.ts'
import { applyEvent } from '../../src/ledger/fold.ts'
import type { CommitId, Digest, EnvironmentState, LedgerEvent, RefName } from '../../src/model/index.ts'
import { reason } from '../../src/model/index.ts'
import type { StateCommit } from '../../src/ports/index.ts'
import { keyOfPerson, strangersKey } from './keys.ts'
import type { StoredStateCommit } from './simulated-remote.ts'
import { personOf, type SimulatedWorld, startMs } from './simulated-world.ts'
import type { Act } from './story.ts'

type Forge = Extract<Act, { kind: 'forge' }>

/** Nothing else in the world has these bytes, or is held for this. */
export const forgedArtifact = `sha256:${'f0'.repeat(32)}` as Digest // shaped like one
export const forgedReason = 'forged by hand'

const prefix = 'refs/trunkline'
const document = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** null where there is nothing that it could be pushed on. */
export function forge(world: SimulatedWorld, act: Forge): { ref: RefName; commit: CommitId } | null {
  const ref = act.what === 'record' ? `${prefix}/builds` : `${prefix}/env/${act.environment}`
  const tip = world.remote.refs.get(ref)
  const stored = tip === undefined ? undefined : world.remote.stateCommits.get(tip)
  if (stored === undefined) return null
  const commit = act.what === 'record' ? forgedRecord(world, stored) : forgedEvent(world, act, stored)
  if (commit === null) return null
  const place = ['Signed-For', `shop ${ref}`] as const
  const isSigned = act.hand !== 'nobody'
  const whole = isSigned ? { ...commit, trailers: [...commit.trailers, place] } : commit
  switch (act.hand) {
    case 'nobody':
      return { ref, commit: world.remote.forge(ref, whole, null) }
    case 'stranger':
      return { ref, commit: world.remote.forge(ref, { ...whole, signer: strangersKey }, null) }
    case 'Dan':
      return { ref, commit: world.remote.forge(ref, { ...whole, signer: keyOfPerson(3) }, null) }
    case 'copy':
      return { ref, commit: world.remote.forge(ref, whole, newestSignature(world, stored)) }
  }
}

/** That of a commit which counts, for another one to wear. */
function newestSignature(world: SimulatedWorld, from: StoredStateCommit): string | null {
  for (let commit: StoredStateCommit | undefined = from; commit !== undefined; ) {
    if (commit.signature !== null && !commit.isForged) return commit.signature.armored
    commit = commit.parent === null ? undefined : world.remote.stateCommits.get(commit.parent)
  }
  return null
}

const nowOf = (world: SimulatedWorld): string =>
  new Date(startMs + world.wallJumpMs + Math.round(world.scheduler.nowMs())).toISOString()

/** In Ben's name, who may approve: the approval of what waits, else a hold. */
function forgedEvent(world: SimulatedWorld, { environment, what }: Forge, tip: StoredStateCommit): StateCommit | null {
  const state: EnvironmentState = JSON.parse(tip.files.get('state.json') ?? 'null')
  const plan = state?.waiting?.plan ?? null
  if (state === null || (what === 'approval' && plan === null)) return null
  const detail =
    what === 'approval' && plan !== null ? ({ kind: 'approved', plan } as const) : ({ kind: 'held' } as const)
  const event: LedgerEvent = {
    version: 1,
    seq: state.seq + 1,
    at: nowOf(world),
    actor: personOf(1),
    environment,
    reasons: [reason('forged', forgedReason)],
    ...detail,
  }
  const put = { 'state.json': document(applyEvent(state, event)), 'event.json': document(event) }
  return { ...eventMessage(event), author: event.actor, at: event.at, put, remove: [] }
}

/** Other bytes for inputs that were built. */
function forgedRecord(world: SimulatedWorld, tip: StoredStateCommit): StateCommit | null {
  const [path, text] = [...tip.files].findLast(([name]) => name.startsWith('builds/')) ?? []
  if (path === undefined || text === undefined) return null
  const put = { [path]: document({ ...JSON.parse(text), artifact: forgedArtifact }) }
  return { subject: '1 built', body: '', trailers: [], author: personOf(1), at: nowOf(world), put, remove: [] }
}
