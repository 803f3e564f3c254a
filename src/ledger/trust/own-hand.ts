/** This process's own key, and what its signature is good for. */
import type { Actor } from '../../model/index.ts'
import { refusedError, type TrunklineError } from '../../model/index.ts'
import type { FindSigner, Signer } from '../../ports/index.ts'
import type { ListedKey, Signers } from './signers.ts'
import type { NeededSigner } from './who-may.ts'

export type Role = NeededSigner

export type OwnHand = {
  can(role: Role): boolean
  /** Throws refused `NO_SIGNING_KEY`, `KEY_NOT_LISTED`. */
  require(role: Role): void
  signer(): Signer
}

export type OwnHandOptions = { signers: Signers; actor: Actor; findSigner: FindSigner; nowMs: number }

export async function ownHand({ signers, actor, findSigner, nowMs }: OwnHandOptions): Promise<OwnHand> {
  const signer = await findSigner()
  const email = actor.email.toLowerCase()
  const listed = (signer === null ? undefined : signers.keys.get(signer.publicKey)) ?? []
  const current = listed.filter(({ fromMs, untilMs }) => fromMs <= nowMs && (untilMs === null || nowMs < untilMs))
  const isBuilder = current.some(({ role }) => role === 'builder')
  const isPerson = current.some((key) => key.role === 'person' && key.email === email)
  const can = (role: Role) => (isBuilder && role !== 'person') || (isPerson && role !== 'builder')
  return {
    can,
    require(role) {
      if (!can(role)) throw refusal(role, { signer, actor, listed, current })
    },
    signer() {
      if (signer === null) throw noKey('builder', actor)
      return signer
    },
  }
}

type Lack = { signer: Signer | null; actor: Actor; listed: readonly ListedKey[]; current: readonly ListedKey[] }

const what = (role: Role): string =>
  role === 'builder' ? 'deliveries are signed by a builder' : 'decisions are signed by who decides'

const noKey = (role: Role, actor: Actor): TrunklineError =>
  refusedError('NO_SIGNING_KEY', `trunk lists whose signatures count: ${what(role)}, and this process has no key`, {
    hint:
      role === 'builder'
        ? 'set TRUNKLINE_SIGNING_KEY to the key of a builder in trunkline.yaml on trunk'
        : `set TRUNKLINE_SIGNING_KEY, or git's user.signingKey with gpg.format ssh, to the key of ${actor.email} under people in trunkline.yaml on trunk`,
  })

function refusal(role: Role, { signer, actor, listed, current }: Lack): TrunklineError {
  if (signer === null) return noKey(role, actor)
  const key = `your key ${signer.fingerprint}`
  if (listed.length > 0 && current.length === 0)
    return refusedError('KEY_NOT_LISTED', `${key} is listed on trunk, but not for now`, {
      hint: 'its `from` and `until` stand in trunkline.yaml on trunk',
    })
  const [other] = current
  if (other === undefined)
    return refusedError('KEY_NOT_LISTED', `${key} is not listed on trunk: ${what(role)}`, {
      hint: `list its public half in trunkline.yaml on trunk, under ${role === 'builder' ? 'builders' : `people for ${actor.email}`}`,
    })
  const hint =
    role === 'builder'
      ? 'only builders deliver: list it under builders in trunkline.yaml on trunk, or let CI do it'
      : 'act as who the key belongs to (git config user.email, or TRUNKLINE_ACTOR_EMAIL), or list the key for yourself'
  const whose = other.role === 'builder' ? `builder ${other.name}` : other.email
  return refusedError('KEY_NOT_LISTED', `${key} is that of ${whose}, and you act as ${actor.email}: ${what(role)}`, {
    hint,
  })
}
