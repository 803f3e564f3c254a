/** How new requests are divided between the instances of one generation and all others. */
import type { RolloutInstance } from './rollout.ts'

/** Remembered where the instances are, so that whoever goes on with a rollout knows how far it has come. */
export type Split = {
  generation: string
  /** Percent of new requests for it; the others have the rest. */
  weight: number
  /** When its verification at this weight had passed, on the clock of the host; null before. */
  verifiedAtMs: number | null
}

/** It has everything, and was verified with that. */
export const hasPassed = ({ weight, verifiedAtMs }: Split): boolean => weight === 100 && verifiedAtMs !== null

/** Takes requests, as far as the rollout is concerned: whether it can is its health's business. */
export const isAdmitted = ({ phase, weight }: Pick<RolloutInstance, 'phase' | 'weight'>): boolean =>
  weight > 0 && phase !== 'draining' && phase !== 'stopped'

/**
 * The share of each admitted instance, relative to the others'. A set shares its weight equally; where there is only
 * one set it has everything, whatever the split says: requests are never refused for the sake of a number.
 */
export function sharesOf<Each extends { id: string; generation: string }>(
  admitted: readonly Each[],
  split: Pick<Split, 'generation' | 'weight'> | null,
): Map<string, number> {
  const weighed = admitted.filter((instance) => instance.generation === split?.generation).length
  const others = admitted.length - weighed
  const share = ({ generation }: Each): number => {
    if (split === null || weighed === 0 || others === 0) return 1
    return generation === split.generation ? split.weight / weighed : (100 - split.weight) / others
  }
  return new Map(admitted.map((instance) => [instance.id, share(instance)]))
}
