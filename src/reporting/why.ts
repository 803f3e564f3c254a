/** Why a commit rebuilds a service, or does not. */
import type { Engine } from '../delivery/engine.ts'
import { planReleaseOf } from '../delivery/release/plan-release-of.ts'
import { type Study, studyCommit } from '../delivery/release/study.ts'
import type { Scene } from '../delivery/scene.ts'
import type { CommitId, ServiceName } from '../model/index.ts'
import { usageError } from '../model/index.ts'
import { ownerOf } from '../planning/index.ts'
import type { WhyDocument } from './documents.ts'

export type WhyOptions = {
  service: ServiceName
  /** The commit to compare with; null: the first parent. */
  against: CommitId | null
  signal: AbortSignal
}

export async function whyService(engine: Engine, scene: Scene, options: WhyOptions): Promise<WhyDocument> {
  const { service } = options
  if (!Object.hasOwn(scene.project.services, service)) {
    throw usageError('UNKNOWN_SERVICE', `commit ${scene.commit.id.slice(0, 7)} has no service ${service}`, {
      hint: `it has: ${Object.keys(scene.project.services).join(', ')}`,
    })
  }
  const study = await studyCommit(engine, scene.project, scene.commit, { explain: true, against: options.against })
  const plan = await planReleaseOf(engine, study, {
    mayBuild: true,
    retriesRed: false,
    checksOnly: false,
    signal: options.signal,
  })
  const planned = plan.services.find((known) => known.name === service)
  if (planned === undefined) throw new Error(`no plan for ${service}`)
  const builtAt = planned.reasons.find((known) => known.code === 'already-built')?.commit
  return {
    service,
    commit: scene.commit.id,
    action: planned.action,
    inputHash: planned.inputHash,
    artifact: planned.artifact,
    builtFrom: (builtAt as CommitId | undefined) ?? study.comparedWith, // Reasons carry ids as text.
    reasons: [...planned.reasons, ...(study.selection[service]?.notes ?? [])],
    inputs: inputsOf(study, ownerOf(study.project, service)),
  }
}

/** Grouped by what made the files inputs: the pattern and its rule. */
function inputsOf(study: Study, owner: ServiceName): WhyDocument['inputs'] {
  const groups = new Map<string, WhyDocument['inputs'][number]>()
  for (const { input, rule } of study.selection[owner]?.inputs ?? []) {
    const key = `${rule}\0${input}`
    const group = groups.get(key) ?? { input, rule, files: 0 }
    groups.set(key, { ...group, files: group.files + 1 })
  }
  return [...groups.values()]
}
