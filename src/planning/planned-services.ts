/** Pure: which services a deployment rolls out or takes away, and why each. */
import { digestOf } from '../hashing/index.ts'
import {
  type Digest,
  isStaged,
  type PlannedDeploy,
  type Reason,
  type ReleasedService,
  type RunningService,
  reason,
  type ServiceName,
  short,
  type TargetName,
} from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'
import { settingsOf, targetOf } from './placement.ts'
import { previewOf } from './previews.ts'
import { environmentOf, generationOf } from './release.ts'
import { rolloutFor, whyInStages } from './rollout-strategy.ts'

export function planServices(facts: DeploymentFacts, leaving: readonly Leaving[]): PlannedDeploy[] {
  const planned: PlannedDeploy[] = []
  const running = facts.state.running?.services ?? {}
  for (const [name, service] of Object.entries(facts.release.services)) {
    const before = running[name]
    const from = before?.artifact ?? null
    if (service.run === null) {
      planned.push({
        name,
        from,
        to: service.artifact,
        action: 'none',
        reasons: [reason('nothing-to-run', `${name} has no run command`)],
      })
      continue
    }
    const reasons = whyDeploy(name, service, before, facts)
    if (reasons.length > 0 && before !== undefined) reasons.push(...howDeploy(name, service, facts))
    planned.push({
      name,
      from,
      to: service.artifact,
      action: reasons.length > 0 ? 'deploy' : 'none',
      ...(reasons.length > 0 ? previewOf(name, facts) : {}),
      reasons:
        reasons.length > 0
          ? reasons
          : [
              reason('already-running', `${name} already runs these bytes with these settings`, {
                digest: service.artifact,
              }),
            ],
    })
  }
  for (const { name, from, reasons } of leaving) planned.push({ name, from, to: null, action: 'remove', reasons })
  return withUsersOfOutputs(planned, facts)
}

/** What infrastructure comes to may be new once it has rolled: who is given it is told. Where it is not, nothing happens. */
function withUsersOfOutputs(planned: readonly PlannedDeploy[], facts: DeploymentFacts): PlannedDeploy[] {
  const rolling = new Set(planned.flatMap(({ name, action }) => (action === 'deploy' ? [name] : [])))
  const givers = (name: ServiceName): ServiceName[] =>
    Object.values(facts.release.services[name]?.env ?? {}).flatMap((variable) =>
      variable.kind === 'output' && rolling.has(variable.service) ? [variable.service] : [],
    )
  const told = planned.map((service): PlannedDeploy => {
    const [giver] = service.action === 'none' && service.to !== null ? givers(service.name) : []
    if (giver === undefined || !facts.release.services[service.name]?.run) return service
    const why = reason(
      'output-may-change',
      `${service.name} is given outputs of ${giver}, which is rolled out before it`,
    )
    return { ...service, action: 'deploy', reasons: [why], ...previewOf(service.name, facts) }
  })
  const isSettled = told.every(({ action }, index) => action === planned[index]?.action)
  return isSettled ? told : withUsersOfOutputs(told, facts)
}

/** A service that is, or may be, where the release does not want it. */
export type Leaving = { name: ServiceName; target: TargetName; from: Digest | null; reasons: Reason[] }

export function whatLeaves({ policy, release, state }: DeploymentFacts): Leaving[] {
  const leaving: Leaving[] = []
  const wantedAt = (name: ServiceName): TargetName | null => {
    const service = release.services[name]
    return service?.run ? targetOf(policy, service) : null
  }
  const running = state.running?.services ?? {}
  for (const [name, { artifact, target }] of Object.entries(running)) {
    const wanted = wantedAt(name)
    if (wanted === null) {
      const why = reason('not-in-release', `${name} is not part of this release any more`)
      leaving.push({ name, target, from: artifact, reasons: [why] })
    } else if (wanted !== target && Object.hasOwn(policy.targets, target)) {
      const why = reason('moved', `${name} runs on ${wanted} from now on, and no longer on ${target}`)
      leaving.push({ name, target, from: artifact, reasons: [why] })
    }
  }
  for (const [name, targets] of Object.entries(state.placed ?? {})) {
    for (const target of targets) {
      const isKnown = leaving.some((place) => place.name === name && place.target === target)
      // Also where nothing is seen: instances that only began to start are no service yet, and nobody else ends them.
      if (isKnown || wantedAt(name) === target || !Object.hasOwn(policy.targets, target)) continue
      const why = reason('left-behind', `a deployment that did not succeed may have left ${name} on ${target}`)
      leaving.push({ name, target, from: null, reasons: [why] })
    }
  }
  return leaving
}

function whyDeploy(
  name: ServiceName,
  service: ReleasedService,
  before: RunningService | undefined,
  facts: DeploymentFacts,
): Reason[] {
  const seen = facts.seen[name]
  const wanted = generationOf(facts.release, name, facts.policy.name)
  if (before === undefined && (seen === null || seen === 'unknown' || seen === undefined)) {
    return [reason('new-here', `${name} does not run in ${facts.policy.name} yet`, { digest: service.artifact })]
  }
  const reasons: Reason[] = []
  const generation = seen === 'unknown' || seen === undefined ? before?.generation : (seen?.generation ?? null)
  if (generation !== wanted) {
    reasons.push(...whatDiffers(name, service, before, facts))
    if (reasons.length === 0) {
      reasons.push(
        reason('drift', `${name} should be running and is not what the ledger says`, { digest: service.artifact }),
      )
    }
  } else if (seen !== 'unknown' && seen !== undefined && seen !== null && !seen.isHealthy) {
    reasons.push(reason('not-healthy', `${name} runs these bytes but is not healthy`))
  }
  if (seen !== 'unknown' && seen?.changed !== undefined) reasons.push(seen.changed)
  const fingerprint = facts.fingerprints[name]
  const known = seen === 'unknown' || seen === undefined ? before?.fingerprint : seen?.fingerprint
  if (fingerprint !== undefined && known !== undefined && known !== null && known !== fingerprint) {
    reasons.push(reason('variables-changed', `a variable or secret of ${name} has changed`))
  }
  if (before !== undefined && before.settings !== settingsOf(facts.policy, targetOf(facts.policy, service))) {
    reasons.push(reason('target-settings-changed', `the settings of its target changed (replicas, ports, …)`))
  }
  return reasons
}

/** Who approves a plan sees the stages it goes through. */
function howDeploy(
  name: ServiceName,
  service: ReleasedService,
  { policy, release, direction }: DeploymentFacts,
): Reason[] {
  const { strategy } = rolloutFor(name, service, environmentOf(release, policy.name), direction)
  return isStaged(strategy) ? [whyInStages(strategy)] : []
}

function whatDiffers(
  name: ServiceName,
  service: ReleasedService,
  before: RunningService | undefined,
  facts: DeploymentFacts,
): Reason[] {
  if (before === undefined) return []
  const reasons: Reason[] = []
  if (before.artifact !== service.artifact) {
    reasons.push(
      reason('artifact-changed', `${name} goes from ${short(before.artifact)} to ${short(service.artifact)}`, {
        digest: service.artifact,
      }),
    )
  }
  const previous = facts.runningRelease?.services[name]
  if (previous === undefined) return reasons
  for (const file of changedPaths(previous.deployInputs, service.deployInputs)) {
    reasons.push(
      reason('deploy-input-changed', `${file} says how ${name} is deployed and changed`, {
        file,
        rule: 'deployInputs',
      }),
    )
  }
  if (digestOf('run', previous.run) !== digestOf('run', service.run)) {
    reasons.push(reason('run-changed', `how ${name} is run changed in trunkline.yaml`, { file: 'trunkline.yaml' }))
  }
  if (digestOf('env', previous.env) !== digestOf('env', service.env)) {
    reasons.push(
      reason('env-changed', `the variables ${name} declares changed in trunkline.yaml`, { file: 'trunkline.yaml' }),
    )
  }
  return reasons
}

function changedPaths(before: Record<string, string>, after: Record<string, string>): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...paths].filter((path) => before[path] !== after[path]).sort()
}
