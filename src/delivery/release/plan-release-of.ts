/** What a commit needs before it has a release. */
import { readRecords, type Voided } from '../../ledger/index.ts'
import type { BuildRecord, Digest } from '../../model/index.ts'
import type { ReleasePlan } from '../../planning/index.ts'
import { planRelease } from '../../planning/index.ts'
import type { ArtifactStore } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import type { ReleaseOptions } from './recorded-release.ts'
import type { Study } from './study.ts'

const maxVoidedTold = 3

/** What a commit needs before it has a release; reads records and asks the store for lost bytes. */
export async function planReleaseOf(engine: Engine, study: Study, options: ReleaseOptions): Promise<ReleasePlan> {
  const snapshot = await engine.ledger.refresh(options.signal)
  const checkHashes = Object.values(study.checkHashes).flatMap((checks) => Object.values(checks))
  const records = await readRecords(engine.ledger, snapshot, {
    builds: [...new Set(Object.values(study.inputHashes))],
    checks: [...new Set(checkHashes)],
  })
  const missing = new Set<Digest>()
  if (options.mayBuild && !options.checksOnly) {
    await Promise.all(
      [...placesOf(engine, records.builds.values())].map(async ([digest, stores]) => {
        const found = await Promise.all([...stores].map((store) => store.has(digest, options.signal)))
        if (!found.includes(true)) missing.add(digest)
      }),
    )
  }
  const { voided } = await engine.ledger.records(snapshot)
  const planned = planRelease({
    project: study.project,
    inputHashes: study.inputHashes,
    checkHashes: study.checkHashes,
    builds: records.builds,
    checks: records.checks,
    missing,
    changes: study.changes,
    retriesRed: options.retriesRed,
  })
  return voided.length === 0 ? planned : withVoided(planned, voided)
}

/** Where artifacts on record were put: mostly one place for all. */
function placesOf({ world }: Engine, records: Iterable<BuildRecord>): Map<Digest, Set<ArtifactStore>> {
  const places = new Map<Digest, Set<ArtifactStore>>()
  for (const { artifact, service } of records) {
    places.set(artifact, (places.get(artifact) ?? new Set()).add(world.artifacts.forService(service)))
  }
  return places
}

/** Records that somebody pushed without a builder's signature are absent, and what is built for it says so. */
function withVoided(plan: ReleasePlan, voided: readonly Voided[]): ReleasePlan {
  const reasons = voided.slice(-maxVoidedTold).map((known) => known.reason)
  const services = plan.services.map((service) =>
    service.action === 'build' ? { ...service, reasons: [...service.reasons, ...reasons] } : service,
  )
  return { ...plan, services }
}
