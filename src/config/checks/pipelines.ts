/** Approvals of a pipeline are only passed on: somebody has given them first. */
import type { Check } from './check.ts'

export const checkPipelines: Check = function* ({ document, keysAt }) {
  for (const [name, { target, targets, approval }] of Object.entries(document.environments)) {
    const pipeline = [target, ...Object.values(targets ?? {})].find((known) => known?.kind === 'codepipeline')
    if (pipeline?.kind !== 'codepipeline' || pipeline.codepipeline.approvals.length === 0) continue
    if (approval !== undefined || keysAt(['environments', name]).includes('approval')) continue
    yield {
      path: ['environments', name],
      mistake: {
        key: targets === undefined ? 'target' : 'targets',
        code: 'APPROVAL_WITHOUT_GATE',
        message: `environment \`${name}\` passes approvals of its pipeline (${pipeline.codepipeline.approvals.join(', ')}), and nobody approves there`,
        hint: 'add `approval: { by: ["@…"] }` to it; or leave `approvals` out, and people give them in CodePipeline',
      },
    }
  }
}
