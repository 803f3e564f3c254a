/** The release of a commit: on record, or made now where making it is allowed. */
import type { Release } from '../../model/index.ts'
import { artifactsOf } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import type { Scene } from '../scene.ts'
import { makeRelease } from './make-release.ts'
import { planReleaseOf } from './plan-release-of.ts'
import { type MadeRelease, recordedRelease } from './recorded-release.ts'
import { studyCommit } from './study.ts'

export type ReleaseChoice = {
  /** Promotions never build (invariant 2). */
  mayBuild: boolean
  /** A person asked to try red checks and failed builds again. */
  retriesRed: boolean
  signal: AbortSignal
}

/** On record, or made now: checks, builds, records; all or nothing. */
export async function releaseFor(engine: Engine, scene: Scene, choice: ReleaseChoice): Promise<MadeRelease> {
  const recorded = await recordedRelease(engine, scene.commit, choice.retriesRed, choice.signal)
  const isUsable =
    recorded?.kind !== 'made' || !choice.mayBuild || (await hasAllBytes(engine, recorded.release, choice.signal))
  if (recorded !== null && isUsable) return recorded
  const study = await studyCommit(engine, scene.project, scene.commit, { explain: choice.mayBuild })
  const options = { ...choice, checksOnly: false }
  const made = await makeRelease(engine, study, await planReleaseOf(engine, study, options), options)
  // A release on record stays what it is; only its lost bytes were made again.
  return made.kind === 'made' && recorded !== null ? recorded : made
}

/** A store that was emptied, or another machine's own store: the bytes can be built again where building is allowed. */
async function hasAllBytes(engine: Engine, release: Release, signal: AbortSignal): Promise<boolean> {
  const { artifacts } = engine.world
  const services = Object.entries(release.services)
  const isOne = services.every(([name]) => artifacts.forService(name) === artifacts)
  const found = isOne
    ? await Promise.all(artifactsOf(release).map((digest) => artifacts.has(digest, signal)))
    : await Promise.all(services.map(([name, { artifact }]) => artifacts.forService(name).has(artifact, signal)))
  return found.every(Boolean)
}
