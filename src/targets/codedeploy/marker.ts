/**
 * What a deployment of CodeDeploy says about itself: whose it is and what it brings. It stands in its description, so
 * that nothing else must be remembered.
 */
import { type Digest, isDigest, type ServiceName } from '../../model/index.ts'

export type Marker = {
  service: ServiceName
  generation: string
  artifact: Digest
  /** Trunkline's own deployment; `-` where there is none. */
  deployment: string
}

const words = /^Trunkline (\S+): (\S+) generation (\S+) artifact ([^\s;]+)(?:; way back from \S+)?$/

export const describe = ({ service, generation, artifact, deployment }: Marker): string =>
  `Trunkline ${deployment}: ${service} generation ${generation} artifact ${artifact}`

/** Brings back what ran before, which may have been none of ours, from a deployment of CodeDeploy that failed. */
export const describeWayBack = (before: Marker | null, failedId: string): string =>
  `${before === null ? 'Trunkline: what ran before' : describe(before)}; way back from ${failedId}`

/** The deployment of CodeDeploy that failed; null: it is no way back. */
export const wayBackIn = (description: string | undefined): string | null =>
  /^Trunkline.*; way back from (\S+)$/.exec(description ?? '')?.[1] ?? null

/** null: it is none of ours. */
export function markerIn(description: string | undefined): Marker | null {
  const [, deployment, service, generation, artifact] = words.exec(description ?? '') ?? []
  if (deployment === undefined || service === undefined || generation === undefined) return null
  if (artifact === undefined || !isDigest(artifact)) return null
  return { deployment, service, generation, artifact }
}
