/** Where a deployment of ECS is, in words: each stage of its lifecycle once, and each share of requests. */
import type { ServiceDeployment } from '@aws-sdk/client-ecs'
import { isShifting } from './strategy.ts'

const sentences: Readonly<Record<string, string>> = {
  RECONCILE_SERVICE: 'ECS puts in order what earlier deployments have left',
  PRE_SCALE_UP: 'new tasks are about to be started',
  SCALE_UP: 'new tasks are started, and get no requests yet',
  POST_SCALE_UP: 'new tasks run, and get no requests yet',
  TEST_TRAFFIC_SHIFT: 'test requests go over to the new tasks',
  POST_TEST_TRAFFIC_SHIFT: 'test requests go to the new tasks',
  POST_PRODUCTION_TRAFFIC_SHIFT: 'all requests go to the new tasks',
  CLEAN_UP: 'the old tasks are stopped',
}

/** Percent of requests that the new tasks get; null: ECS does not divide them. */
export function weightOf({ targetServiceRevision, deploymentConfiguration = {} }: ServiceDeployment): number | null {
  if (!isShifting(deploymentConfiguration)) return null
  return Math.round(targetServiceRevision?.requestedProductionTrafficWeight ?? 0)
}

export function openLifecycle(log: (line: string) => void): (seen: ServiceDeployment) => void {
  const told = new Set<string>()
  const tell = (line: string | null) => {
    if (line === null || told.has(line)) return
    told.add(line)
    log(line)
  }
  return (seen) => {
    tell(stageLine(seen))
    const { status, rollback, statusReason } = seen
    if (status === 'ROLLBACK_REQUESTED') tell('ECS is asked to bring back what ran before')
    if (status === 'ROLLBACK_IN_PROGRESS') {
      tell(`ECS brings back what ran before: ${rollback?.reason ?? statusReason ?? 'it says not why'}`)
    }
  }
}

function stageLine(seen: ServiceDeployment): string | null {
  const { lifecycleStage: stage, deploymentConfiguration: { bakeTimeInMinutes = 0 } = {} } = seen
  const weight = weightOf(seen)
  if (stage === undefined || weight === null || seen.status !== 'IN_PROGRESS') return null
  return `${stage}: ${sentences[stage] ?? sayShare(stage, weight, bakeTimeInMinutes)}`
}

function sayShare(stage: string, weight: number, minutes: number): string {
  if (stage === 'BAKE_TIME') return `the old tasks are kept for ${minutes} minutes, to go back to`
  return weight === 0 ? 'no requests go to the new tasks yet' : `${weight} % of requests go to the new tasks`
}
