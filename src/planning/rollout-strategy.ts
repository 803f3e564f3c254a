/** How one service of an environment is rolled out, and by what its stages are verified. */
import {
  isStaged,
  nameOfStrategy,
  type Reason,
  type ReleasedEnvironment,
  type ReleasedService,
  type RolloutStage,
  type RolloutStrategy,
  reason,
  type ServiceName,
  type StagedStrategy,
  type Verification,
} from '../model/index.ts'

export type PlannedRollout = {
  /** Verifications are named in full. */
  strategy: RolloutStrategy
  /** Those the stages name; empty for a rollout without stages. */
  verifications: Verification[]
}

/**
 * A way back does not go in stages: what it goes to was healthy here. Neither does a service that serves nothing: it has
 * no requests to share.
 */
export function rolloutFor(
  name: ServiceName,
  service: ReleasedService,
  environment: ReleasedEnvironment,
  direction: 'forward' | 'back',
): PlannedRollout {
  const declared = environment.rollouts?.[name] ?? environment.rollout
  if (!isStaged(declared)) return { strategy: declared, verifications: [] }
  if (direction === 'back') return { strategy: 'all-at-once', verifications: [] }
  if (!canShareRequests(service)) return { strategy: 'one-at-a-time', verifications: [] }
  const own = environment.verify.filter((known) => known.kind === 'http' && known.service === name)
  const stages = declared.stages.map((stage) => ({ ...stage, verify: stage.verify ?? own.map((known) => known.name) }))
  const named = new Set(stages.flatMap(({ verify }) => verify))
  return {
    strategy: { ...declared, stages },
    verifications: environment.verify.filter((known) => named.has(known.name)),
  }
}

/**
 * Stages that its target must be able to go through; null: none. Scripts of an `appspec.yml` do not say whether they
 * serve requests: a target that cannot divide any says so, and one that can takes its hosts one after the other.
 */
export function stagesAskedOf(
  name: ServiceName,
  service: ReleasedService,
  environment: ReleasedEnvironment,
  direction: 'forward' | 'back',
): StagedStrategy | null {
  const declared = environment.rollouts?.[name] ?? environment.rollout
  if (!isStaged(declared) || direction === 'back') return null
  return canShareRequests(service) || service.run?.kind === 'appspec' ? declared : null
}

/** A function is asked by its name, and a container by what describes it: neither needs a port for that. */
const canShareRequests = ({ run }: ReleasedService): boolean =>
  run?.kind === 'container' || run?.kind === 'lambda' || run?.port !== null

/** The stages in a sentence, for who approves them: `canary: 10 % for 2m (checkout works), 50 %, 100 %`. */
export function whyInStages(strategy: StagedStrategy): Reason {
  const stages = strategy.stages.map((stage) => describeStage(strategy, stage)).join(', ')
  return reason('rollout-stages', `${nameOfStrategy(strategy)}: ${stages}`)
}

function describeStage({ kind }: StagedStrategy, { weight, verify, pauseMs }: RolloutStage): string {
  const checks = verify === null || verify.length === 0 ? '' : ` (${verify.join(', ')})`
  if (kind === 'canary') return `${weight} %${pauseMs > 0 ? ` for ${durationText(pauseMs)}` : ''}${checks}`
  if (weight === 0) return `aside${checks}`
  return `switched${checks}${pauseMs > 0 ? `, the old set kept for ${durationText(pauseMs)}` : ''}`
}

function durationText(ms: number): string {
  const units: Array<[string, number]> = [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ]
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}
