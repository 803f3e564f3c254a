/** Pure: what targets said would be done, as plans carry it. */
import { type DeploymentPlan, isLoss, type Preview, type PreviewedChange, type ServiceName } from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'

export const previewOf = (name: ServiceName, { previews }: DeploymentFacts): { preview?: Preview } => {
  const preview = previews[name]
  return preview === undefined ? {} : { preview }
}

/** Of what a plan rolls out: the digest of each service's preview. */
export const previewsOf = ({ steps }: Pick<DeploymentPlan, 'steps'>): Record<ServiceName, string> =>
  Object.fromEntries(
    steps.flatMap((step) =>
      step.kind === 'rollout' && step.preview !== undefined ? [[step.service, step.preview.digest]] : [],
    ),
  )

export type Loss = { service: ServiceName; change: PreviewedChange }

/** What would be lost if a plan were carried out, by service. */
export const lossesOf = ({ steps }: Pick<DeploymentPlan, 'steps'>): Loss[] =>
  steps.flatMap((step) =>
    step.kind === 'rollout' && step.preview !== undefined
      ? step.preview.changes.filter(isLoss).map((change) => ({ service: step.service, change }))
      : [],
  )
