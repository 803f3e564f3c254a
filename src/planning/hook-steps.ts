/** Pure: which hooks a deployment runs, and how one is told from another. */
import { digestOf } from '../hashing/index.ts'
import { type DeploymentStep, type Digest, type Hook, type Release, reason } from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'
import { targetOf } from './placement.ts'

/** A hook that already ran with this definition in these bytes does not run again. */
export function planHook(
  facts: DeploymentFacts,
  release: Release,
  hook: Hook,
  phase: 'before' | 'after' | 'rollback',
  needs: string[],
): DeploymentStep | null {
  const service = release.services[hook.service]
  if (service === undefined) return null
  const key = hookKey(hook, service.artifact, phase)
  if (phase !== 'rollback' && facts.state.hooks[hook.name] === key) return null
  const before = facts.state.hooks[hook.name]
  return {
    id: `${facts.policy.name}/hook:${phase}/${hook.name}`,
    kind: 'hook',
    needs,
    reasons: [
      phase === 'rollback'
        ? reason('rollback-hook', `${hook.name} is declared for the way back`)
        : before === undefined
          ? reason('hook-never-ran', `${hook.name} has not run in ${facts.policy.name} yet`)
          : reason('hook-changed', `${hook.name} or the artifact of ${hook.service} it runs in changed`, {
              digest: service.artifact,
            }),
    ],
    phase,
    hook,
    key,
    artifact: service.artifact,
    target: targetOf(facts.policy, service),
  }
}

export const hookKey = (hook: Hook, artifact: Digest, phase: 'before' | 'after' | 'rollback'): string =>
  digestOf('hook', { hook, artifact, phase }).slice(0, 32)

/** A rollback hook named like a before/after hook undoes that one: it runs only if that one ran. Others always run. */
export function undoesSomething(hook: Hook, leaving: NonNullable<DeploymentFacts['leaving']>): boolean {
  const isNamesake = Object.values(leaving.release.environments).some((environment) =>
    [...environment.before, ...environment.after].some((known) => known.name === hook.name),
  )
  return !isNamesake || leaving.hooksRun.has(hook.name)
}
