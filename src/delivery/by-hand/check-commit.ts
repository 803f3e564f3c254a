/** `trunkline check`: the checks of what changed, and nothing else. For pull requests. */
import type { CommitId, OutcomeKind, Reason, ServiceName } from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import type { Engine } from '../engine.ts'
import { makeRelease } from '../release/make-release.ts'
import { planReleaseOf } from '../release/plan-release-of.ts'
import { studyCommit } from '../release/study.ts'
import { openScene } from '../scene.ts'

export type CheckAnswer = {
  outcome: OutcomeKind
  commit: CommitId
  reasons: Reason[]
  checks: Array<{ service: ServiceName; check: string; verdict: 'green' | 'red' | 'known-green' }>
}

/** `recheck` tries red verdicts on record again. */
export async function checkCommit(
  engine: Engine,
  commit: CommitId,
  { recheck, signal }: { recheck: boolean; signal: AbortSignal },
): Promise<CheckAnswer> {
  const scene = await openScene(engine, commit, null, signal)
  const study = await studyCommit(engine, scene.project, scene.commit, { explain: true })
  const options = { mayBuild: true, retriesRed: recheck, checksOnly: true, signal }
  const plan = await planReleaseOf(engine, study, options)
  const due = new Set(plan.steps.filter((step) => step.kind === 'check').map((step) => step.id))
  const made = await makeRelease(engine, study, plan, options)
  const red = made.kind === 'failed' ? (made.step ?? '') : null
  const checks = Object.values(scene.project.services).flatMap((service) =>
    Object.keys(service.checks).map((check): CheckAnswer['checks'][number] => {
      const id = `check:${service.name}/${check}`
      return { service: service.name, check, verdict: id === red ? 'red' : due.has(id) ? 'green' : 'known-green' }
    }),
  )
  if (made.kind === 'failed') {
    // What was stopped by the first red one has no verdict.
    return {
      outcome: 'failed',
      commit,
      reasons: made.reasons,
      checks: checks.filter((check) => check.verdict !== 'green'),
    }
  }
  const nothing =
    checks.length === 0 ? 'no service declares a check' : 'every check is green on record for these inputs'
  const why = due.size === 0 ? [reason('nothing-to-check', nothing)] : []
  return { outcome: due.size === 0 ? 'nothing' : 'succeeded', commit, reasons: why, checks }
}
