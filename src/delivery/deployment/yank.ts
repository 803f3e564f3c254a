/** Bans: a release with its failed views, or by explicit word an artifact. */
import type { Digest, EnvironmentName, ReleaseId, ViewHash, Yank } from '../../model/index.ts'
import type { Engine } from '../engine.ts'

export type ReleaseYank = {
  release: ReleaseId
  views: Array<{ environment: EnvironmentName; view: ViewHash }>
  label: string | null
  why: string
  signal: AbortSignal
}

const entry = (engine: Engine, subject: Yank['subject'], yanked: boolean, label: string | null, why: string): Yank => ({
  version: 1,
  subject,
  yanked,
  unyanks: 0,
  actor: engine.world.actor,
  at: engine.ledger.at(),
  reason: why,
  label,
})

export const yankRelease = (engine: Engine, { release, views, label, why, signal }: ReleaseYank): Promise<void> =>
  engine.ledger.writeYank(entry(engine, { kind: 'release', release, views }, true, label, why), signal)

export const yankArtifact = (engine: Engine, artifact: Digest, why: string, signal: AbortSignal): Promise<void> =>
  engine.ledger.writeYank(entry(engine, { kind: 'artifact', artifact }, true, null, why), signal)

/** Lets it in again; what was verified before no longer counts. */
export const unyank = (
  engine: Engine,
  subject: Yank['subject'],
  label: string | null,
  why: string,
  signal: AbortSignal,
): Promise<void> => engine.ledger.writeYank(entry(engine, subject, false, label, why), signal)
