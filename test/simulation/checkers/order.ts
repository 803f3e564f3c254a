/** A hook that comes between services: those it comes after are rolled out before it, and all others wait for its end. */
import type { Project, ServiceName } from '../../../src/model/index.ts'
import { parseConfiguration } from '../simulated-world.ts'
import type { Entry, Evidence, Violation } from './evidence.ts'

export function hooksComeBetweenServices({ history, environments, ledger }: Evidence): Violation[] {
  const { chronicle, source } = history.world
  const found: Violation[] = []
  for (const environment of environments) {
    const entries = ledger(environment)
    for (const { event, atMs, process } of entries) {
      if (event.kind !== 'hook-started' || event.phase === 'rollback') continue
      const isSame = ({ event: other, process: by }: Entry): boolean =>
        by === process && 'deployment' in other && other.deployment === event.deployment
      // One controller's own order: what another had done before it went on is not in it.
      const started = entries.find((entry) => isSame(entry) && entry.event.kind === 'started')
      const ended = entries.find((entry) => isSame(entry) && entry.event.kind === 'hook-ended' && entry.atMs >= atMs)
      if (started?.event.kind !== 'started' || ended === undefined) continue
      const text = source.files(started.event.candidate.commit).get('trunkline.yaml') ?? ''
      const allowed = earlyServices(parseConfiguration(text), environment, event.hook)
      if (allowed === null) continue
      const tooEarly = chronicle.effects.find(
        (effect) =>
          effect.environment === environment &&
          effect.process === process &&
          effect.kind === 'start' &&
          effect.atMs > started.atMs &&
          effect.atMs < ended.atMs &&
          !allowed.has(effect.service),
      )
      if (tooEarly !== undefined)
        found.push({
          invariant: 'order',
          atMs: tooEarly.atMs,
          text: `${environment}: ${tooEarly.service} begins to roll out before ${event.hook} has ended`,
        })
    }
  }
  return found
}

/** Services that may not wait for the hook; null where the recipe does not place it among them. */
function earlyServices(
  { environments, services }: Project,
  environment: string,
  hook: string,
): Set<ServiceName> | null {
  const hooks = environments[environment]?.recipe.before ?? []
  const index = hooks.findIndex(({ name }) => name === hook)
  const { deployAfter = [] } = hooks[index] ?? {}
  if (deployAfter.length === 0) return null
  const allowed = new Set<ServiceName>()
  const visit = (name: ServiceName): void => {
    if (allowed.has(name)) return
    allowed.add(name)
    for (const next of services[name]?.deployAfter ?? []) visit(next)
  }
  for (const name of deployAfter) visit(name)
  return allowed
}
