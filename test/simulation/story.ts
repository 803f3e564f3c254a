/** What people, CI and faults will do in one history: plain data, made from a seed, so that it can be shrunk and told. */
import type { HookDecision } from '../../src/delivery/deployment/step-context.ts'
import type { EnvironmentName } from '../../src/model/index.ts'
import { type Chance, createChance } from './chance.ts'
import { firstFleetShape, firstOrderedShape, orderedShapes, shapeCount, shapeOf } from './shop.ts'
import type { FaultRates } from './simulated-process.ts'

/** What befalls the process that carries an action out. Times count from its start. */
export type Fate = {
  diesAfterMs: number | null
  sleeps: { afterMs: number; forMs: number; suspends: boolean } | null
  /** Ctrl-C. */
  cancelledAfterMs: number | null
}

export type Change =
  | { kind: 'code' | 'red' | 'unbuildable' | 'never-healthy' | 'broken'; service: number }
  | { kind: 'docs' }
  | { kind: 'deploy-input'; service: number }
  /** Back to what the service was some changes ago. */
  | { kind: 'revert'; service: number; by: number }
  /** Another `trunkline.yaml` of the same shop. */
  | { kind: 'configuration'; variant: number }
  /** On a branch, to grant itself more: an environment of its own, no approval. */
  | { kind: 'coup' }

export type Act =
  | { kind: 'push'; branch: string; change: Change; mends: boolean }
  | { kind: 'force-push'; branch: string; back: number; change: Change | null }
  | { kind: 'tag'; prefix: string; back: number; branch: string }
  /** What CI does with the ref that action `push` moved: usually at once, sometimes late, sometimes twice. */
  | { kind: 'deliver'; push: number }
  | { kind: 'advance' }
  | { kind: 'approve'; environment: EnvironmentName }
  | { kind: 'reject'; environment: EnvironmentName }
  | { kind: 'hold'; environment: EnvironmentName }
  | { kind: 'resume'; environment: EnvironmentName }
  | { kind: 'yank'; what: 'release' | 'artifact'; environment: EnvironmentName; back: number }
  | { kind: 'unyank'; which: number }
  | { kind: 'rollback'; environment: EnvironmentName; back: number | null; force: boolean }
  | { kind: 'retry'; environment: EnvironmentName; hookDecision: HookDecision }
  | { kind: 'cancel'; environment: EnvironmentName }
  | { kind: 'deploy'; environment: EnvironmentName; back: number }
  | { kind: 'run-task'; environment: EnvironmentName }
  | { kind: 'change-secret'; environment: EnvironmentName }
  /** Somebody pushes to the state's refs by hand. `Dan`: signs with a key that is listed, in another's name. */
  | {
      kind: 'forge'
      what: 'approval' | 'hold' | 'record'
      hand: 'nobody' | 'stranger' | 'Dan' | 'copy'
      environment: EnvironmentName
    }

export type Action = { id: number; atMs: number; who: number; act: Act; fate: Fate }

export type WorldFault = { id: number; atMs: number; forMs: number } & (
  | { kind: 'remote-away' | 'store-away' }
  | { kind: 'target-away'; environment: EnvironmentName }
  | { kind: 'wall-clock-jump'; byMs: number }
  | { kind: 'instances-crash'; environment: EnvironmentName }
  | { kind: 'store-forgets' }
)

export type Story = {
  seed: number
  shape: number
  /** One build in so many is not reproducible: 1 all, 0 none. */
  variety: number
  rates: FaultRates
  actions: Action[]
  faults: WorldFault[]
  /** Trunk lists whose signatures count, and there is somebody who forges. */
  signed?: true
}

export const calm: FaultRates = { lostCall: 0, lostAnswer: 0, duplicate: 0, slow: 0, late: 0 }
export const noFate: Fate = { diesAfterMs: null, sleeps: null, cancelledAfterMs: null }

/** Rollouts over hosts and in stages take several times as long: so many histories of a hundred, unless asked for more. */
export const fleetsOfAHundred = 2

/** Checking signatures takes twice as long as all else. */
const signedOfAHundred = 1

/** `fleets`: so many of a hundred stories are about a fleet. */
export function writeStory(seed: number, fleets: number = fleetsOfAHundred): Story {
  const chance = createChance(seed, 7)
  const shape = writeShape(seed, chance, fleets)
  const { environments } = shapeOf(shape)
  const trouble = chance.pick([0, 0.5, 1, 2])
  const rates: FaultRates = {
    lostCall: 0.004 * trouble,
    lostAnswer: 0.004 * trouble,
    duplicate: 0.004 * trouble,
    slow: 0.004 * trouble,
    late: 0.002 * trouble,
  }
  const actions: Action[] = []
  const add = (atMs: number, act: Act): number => {
    const id = actions.length
    actions.push({ id, atMs: Math.round(atMs), who: chance.below(4), act, fate: writeFate(chance, act, trouble) })
    return id
  }

  let atMs = 0
  const moves = chance.between(5, 15)
  for (let move = 0; move < moves; move++) {
    atMs += chance.happens(0.35) ? chance.between(0, 3000) : chance.between(5000, 90_000)
    const act = writeAct(chance, environments, move)
    const isPush = act.kind === 'push' || act.kind === 'force-push' || act.kind === 'tag'
    const push = add(atMs, act)
    if (!isPush) continue
    if (chance.happens(0.95)) add(atMs + writeCiDelay(chance), { kind: 'deliver', push })
    if (chance.happens(0.12)) add(atMs + writeCiDelay(chance) * 2, { kind: 'deliver', push })
    // Someone looks at what has just begun, and does something about it.
    if (chance.happens(0.12)) add(atMs + chance.between(8000, 60_000), writeReaction(chance, environments))
  }
  for (let at = 60_000 + chance.below(60_000); at < atMs; at += chance.between(60_000, 240_000)) {
    add(at, { kind: 'advance' })
  }
  const signing = createChance(seed, 17)
  const isSigned = signing.happens(signedOfAHundred / 100)
  if (isSigned) {
    for (const act of writeForgeries(signing, environments)) {
      actions.push({ id: actions.length, atMs: signing.below(atMs + 30_000), who: 3, act, fate: noFate })
    }
  }
  actions.sort((one, other) => one.atMs - other.atMs || one.id - other.id)
  return {
    ...(isSigned ? { signed: true } : {}),
    seed,
    shape,
    variety: chance.pick([0, 0.3, 1]),
    rates,
    actions,
    faults: writeFaults(chance, environments, trouble, atMs),
  }
}

/** In a few of a hundred histories a hook comes between services. */
const orderedOfAHundred = 4

function writeShape(seed: number, chance: Chance, fleets: number): number {
  if (chance.happens(fleets / 100)) return firstFleetShape + chance.below(shapeCount - firstFleetShape)
  const shape = chance.below(firstFleetShape)
  const ordering = createChance(seed, 19)
  return ordering.happens(orderedOfAHundred / 100) ? firstOrderedShape + ordering.below(orderedShapes) : shape
}

function writeForgeries(chance: Chance, environments: EnvironmentName[]): Act[] {
  return Array.from({ length: chance.between(2, 8) }, () => ({
    kind: 'forge',
    what: chance.pick(['approval', 'approval', 'hold', 'record']),
    hand: chance.pick(['nobody', 'stranger', 'Dan', 'copy']),
    environment: chance.happens(0.6) ? 'prod' : (environments[chance.below(environments.length)] ?? 'stage'),
  }))
}

function writeReaction(chance: Chance, environments: EnvironmentName[]): Act {
  const environment = environments[chance.below(environments.length)] ?? 'stage'
  return chance.pick<Act>([
    { kind: 'cancel', environment },
    { kind: 'rollback', environment, back: null, force: chance.happens(0.3) },
    { kind: 'hold', environment },
    { kind: 'approve', environment },
    { kind: 'change-secret', environment },
    { kind: 'deploy', environment, back: chance.below(3) },
    { kind: 'yank', what: 'release', environment, back: 0 },
  ])
}

const writeCiDelay = (chance: Chance): number =>
  chance.happens(0.8) ? chance.between(100, 5000) : chance.between(5000, 120_000)

function writeAct(chance: Chance, environments: EnvironmentName[], move: number): Act {
  const environment = environments[chance.below(environments.length)] ?? 'stage'
  if (move === 0) return { kind: 'push', branch: 'main', change: { kind: 'code', service: 0 }, mends: true }
  const roll = chance.below(100)
  if (roll < 34) return { kind: 'push', branch: 'main', change: writeChange(chance), mends: chance.happens(0.7) }
  if (roll < 38) {
    const branch = chance.pick(['side', 'releases/1.0-demo', 'releases/1.1-demo'])
    const change: Change = chance.happens(0.4) ? { kind: 'coup' } : writeChange(chance)
    return { kind: 'push', branch, change, mends: chance.happens(0.5) }
  }
  if (roll < 42) {
    const change = chance.happens(0.5) ? writeChange(chance) : null
    return { kind: 'force-push', branch: chance.pick(['main', 'main', 'side']), back: chance.between(1, 2), change }
  }
  if (roll < 56) {
    const branch = chance.happens(0.9) ? 'main' : 'side'
    return {
      kind: 'tag',
      prefix: chance.pick(['v', 'v', 'v', 'rc-']),
      back: chance.happens(0.7) ? 0 : chance.between(1, 2),
      branch,
    }
  }
  if (roll < 66) return { kind: 'approve', environment: 'prod' }
  if (roll < 67) return { kind: 'reject', environment }
  if (roll < 69) return { kind: 'hold', environment }
  if (roll < 72) return { kind: 'resume', environment }
  if (roll < 79)
    return { kind: 'yank', what: chance.happens(0.75) ? 'release' : 'artifact', environment, back: chance.below(2) }
  if (roll < 77) return { kind: 'unyank', which: chance.below(3) }
  if (roll < 83) {
    return {
      kind: 'rollback',
      environment,
      back: chance.happens(0.6) ? null : chance.below(4),
      force: chance.happens(0.3),
    }
  }
  if (roll < 87) {
    return { kind: 'retry', environment, hookDecision: chance.pick(['ask', 'ask', 'rerun', 'assume-done']) }
  }
  if (roll < 90) return { kind: 'cancel', environment }
  if (roll < 94) return { kind: 'deploy', environment, back: chance.below(4) }
  if (roll < 96) return { kind: 'run-task', environment }
  if (roll < 98) return { kind: 'change-secret', environment }
  return { kind: 'advance' }
}

function writeChange(chance: Chance): Change {
  const service = chance.below(6)
  const roll = chance.below(100)
  if (roll < 52) return { kind: 'code', service }
  if (roll < 62) return { kind: 'docs' }
  if (roll < 66) return { kind: 'red', service }
  if (roll < 69) return { kind: 'unbuildable', service }
  if (roll < 75) return { kind: 'never-healthy', service }
  if (roll < 82) return { kind: 'broken', service }
  if (roll < 86) return { kind: 'deploy-input', service }
  if (roll < 91) return { kind: 'revert', service, by: chance.between(1, 3) }
  return { kind: 'configuration', variant: chance.below(16) }
}

function writeFate(chance: Chance, act: Act, trouble: number): Fate {
  if (act.kind === 'push' || act.kind === 'force-push' || act.kind === 'tag' || act.kind === 'change-secret')
    return noFate
  // At any time, and above all where a delivery has most to lose.
  const when = (): number =>
    act.kind === 'deliver' && chance.happens(0.5)
      ? chance.between(8000, 45_000)
      : Math.round(chance.next() ** 2 * (act.kind === 'deliver' ? 60_000 : 30_000))
  return {
    diesAfterMs: chance.happens(0.12 * trouble) ? when() : null,
    sleeps: chance.happens(0.08 * trouble)
      ? { afterMs: when(), forMs: chance.between(1000, 150_000), suspends: chance.happens(0.5) }
      : null,
    cancelledAfterMs: chance.happens(0.02 * trouble) ? when() : null,
  }
}

const faultKinds = [
  'remote-away',
  'target-away',
  'instances-crash',
  'wall-clock-jump',
  'store-away',
  'store-forgets',
] as const

function writeFaults(chance: Chance, environments: EnvironmentName[], trouble: number, endMs: number): WorldFault[] {
  const faults: WorldFault[] = []
  const count = Math.round(chance.next() * 2 * trouble)
  for (let id = 0; id < count; id++) {
    const base = { id, atMs: chance.below(endMs + 30_000), forMs: chance.pick([2000, 15_000, 50_000, 150_000]) }
    const environment = environments[chance.below(environments.length)] ?? 'stage'
    const kind = chance.pick(faultKinds)
    if (kind === 'target-away' || kind === 'instances-crash') faults.push({ ...base, kind, environment })
    else if (kind === 'wall-clock-jump') {
      faults.push({ ...base, kind, byMs: chance.pick([-3_600_000, -20_000, 20_000, 86_400_000]) })
    } else faults.push({ ...base, kind })
  }
  return faults.sort((one, other) => one.atMs - other.atMs)
}
