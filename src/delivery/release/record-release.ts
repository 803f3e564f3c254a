/** Writes down what a release came to, once: one append for all of it, merged with whoever was first. */
import { writeRecords } from '../../ledger/index.ts'
import type { BuildRecord, CheckRecord, CommitRecord, Digest, Project, Reason, ServiceName } from '../../model/index.ts'
import { erroredError, short } from '../../model/index.ts'
import { builtUpon, composeRelease, ownerOf } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import { withTimeout } from '../timeout.ts'
import { filesToKeep } from './deploy-files.ts'
import { type MadeRelease, type ReleaseOptions, recordedRelease } from './recorded-release.ts'
import type { Learned } from './release-steps.ts'
import type { Study } from './study.ts'

/** Of the last words after a fault. */
const recordTimeoutMs = 10_000

/** What was built and checked before a fault or a Ctrl-C counts: best effort, since the fault itself is to be told. */
export async function keepWhatIsDone(engine: Engine, { builds, checks }: Learned): Promise<void> {
  if (builds.size + checks.length === 0) return
  const news = { builds: [...builds.values()], checks, release: null, commit: null }
  await withTimeout(engine.world.clock, recordTimeoutMs, (signal) =>
    writeRecords(engine.ledger, news, engine.world.actor, signal),
  ).catch(() => {})
}

/** Someone else's bytes count, and these builds had been made from bytes that do not: they have to be built again. */
export type Spoiled = { kind: 'spoiled'; services: ServiceName[] }

/** Checks of a pull request need no key: without one they are run and not written down. */
const isUnrecorded = async (engine: Engine, { checksOnly }: ReleaseOptions): Promise<boolean> =>
  checksOnly && !(await engine.ledger.trust.can('builder'))

/** Where someone was first, their bytes are taken and the release is composed anew. */
export async function recordRelease(
  engine: Engine,
  study: Study,
  learned: Learned,
  options: ReleaseOptions,
): Promise<MadeRelease | Spoiled> {
  if (await isUnrecorded(engine, options)) return { kind: 'missing', reasons: [] }
  for (let attempt = 0; attempt < 5; attempt++) {
    const release = options.checksOnly
      ? null
      : composeRelease({ ...study.parts, project: study.project, artifacts: artifactsOf(study.project, learned) })
    const commit: CommitRecord | null =
      release === null
        ? null
        : {
            version: 1,
            commit: study.commit.id,
            at: engine.ledger.at(),
            builder: engine.world.builder.identity,
            inputHashes: study.inputHashes,
            outcome: 'released',
            release: release.id,
          }
    const files = release === null ? new Map() : await filesToKeep(engine, release)
    const result = await writeRecords(
      engine.ledger,
      { builds: [...learned.builds.values()], checks: learned.checks, release, commit, files },
      engine.world.actor,
      options.signal,
    )
    if (result.kind === 'recorded') {
      await engine.world.boundary('recorded')
      if (release === null) return { kind: 'missing', reasons: [] }
      const isOurs = result.commit?.outcome === 'released' && result.commit.release === release.id
      const standing = isOurs ? null : await recordedRelease(engine, study.commit, false, options.signal)
      return standing ?? { kind: 'made', release, inputHashes: study.inputHashes }
    }
    const beaten = new Set<ServiceName>()
    for (const [service, record] of learned.builds) {
      const winner = result.builds.get(record.inputHash)
      if (winner === undefined) continue
      beaten.add(service)
      learned.builds.delete(service)
      learned.artifacts[service] = winner
      engine.world.progress({
        kind: 'note',
        message: `${service}: another builder was first; its bytes ${short(winner)} count`,
      })
    }
    const spoiled = [...builtUpon(study.project, beaten)].filter((service) => learned.builds.delete(service))
    if (spoiled.length === 0) continue
    await keepWhatIsDone(engine, learned)
    return { kind: 'spoiled', services: spoiled }
  }
  throw erroredError('RECORDS_BUSY', 'the build records kept changing; run it again')
}

function artifactsOf(project: Project, learned: Learned): Record<ServiceName, Digest> {
  const artifacts: Record<ServiceName, Digest> = {}
  for (const name of Object.keys(project.services)) {
    const digest = learned.artifacts[ownerOf(project, name)] ?? learned.artifacts[name]
    if (digest !== undefined) artifacts[name] = digest
  }
  return artifacts
}

export async function recordFailure(
  engine: Engine,
  study: Study,
  red: { step: string | null; reasons: Reason[]; logTail: string[] },
  builds: BuildRecord[],
  checks: CheckRecord[],
  options: ReleaseOptions,
): Promise<MadeRelease> {
  if (await isUnrecorded(engine, options)) return { kind: 'failed', ...red }
  const commit: CommitRecord | null = options.checksOnly
    ? null
    : {
        version: 1,
        commit: study.commit.id,
        at: engine.ledger.at(),
        builder: engine.world.builder.identity,
        inputHashes: study.inputHashes,
        outcome: 'failed',
        reasons: red.reasons,
      }
  const result = await writeRecords(
    engine.ledger,
    { builds, checks, release: null, commit },
    engine.world.actor,
    options.signal,
  )
  // Someone else's bytes came first: ours are dropped, the verdict stands.
  if (result.kind === 'beaten') {
    await writeRecords(engine.ledger, { builds: [], checks, release: null, commit }, engine.world.actor, options.signal)
  }
  return { kind: 'failed', ...red }
}
