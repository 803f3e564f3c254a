/** Pure: where a way back can lead, and what it would have to undo. */
import { type EnvironmentState, hasBegun, type Release, type ReleaseId } from '../model/index.ts'
import { hookKey } from './hook-steps.ts'
import { environmentOf } from './release.ts'

/** The newest release a way back can go to: healthy here once, not the one being left, not banned, not passed over. */
export function rollbackCandidates(state: EnvironmentState, leaving: ReleaseId | null): EnvironmentState['history'] {
  return state.history.filter((known) => known.release !== leaving && !state.passedOver.includes(known.release))
}

/** Hooks that cannot be undone and ran here since a release ran: going back to it needs force (invariant 10). */
export const irreversibleSince = (state: EnvironmentState, to: { seq: number }): string[] => [
  ...new Set([
    ...state.irreversible.filter((ran) => ran.seq > to.seq).map((ran) => ran.hook),
    ...Object.values(state.deployment?.hooks ?? {})
      .filter((hook) => hook.irreversible && hasBegun(hook))
      .map((hook) => hook.hook),
  ]),
]

/** Names of hooks that ran with the bytes of the release being left, and not with those of the one it goes back to. */
export function hooksRunSince(state: EnvironmentState, from: Release, to: Release): ReadonlySet<string> {
  const { before, after } = environmentOf(from, state.environment)
  const phases = [
    ...before.map((hook) => ({ hook, phase: 'before' as const })),
    ...after.map((hook) => ({ hook, phase: 'after' as const })),
  ]
  const ran = phases.filter(({ hook, phase }) => {
    const key = keyIn(from, state.environment, hook.name, phase)
    const isLast = key !== null && state.hooks[hook.name] === key
    return isLast && keyIn(to, state.environment, hook.name, phase) !== key
  })
  const begun = Object.values(state.deployment?.hooks ?? {}).filter((hook) => hook.phase !== 'rollback')
  return new Set([...ran.map(({ hook }) => hook.name), ...begun.map((hook) => hook.hook)])
}

/** The key that a release's hook of this name has in one environment; null where it has none. */
function keyIn(release: Release, environment: string, name: string, phase: 'before' | 'after'): string | null {
  const hook = environmentOf(release, environment)[phase].find((known) => known.name === name)
  const service = hook === undefined ? undefined : release.services[hook.service]
  return hook === undefined || service === undefined ? null : hookKey(hook, service.artifact, phase)
}
