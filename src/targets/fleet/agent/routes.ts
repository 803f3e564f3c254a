/** What the router is to do for a service: pure, from its record and its instances. */
import { isAdmitted, sharesOf } from '../../../rollout/index.ts'
import { routedName } from '../routers/index.ts'
import type { InstanceRecord, ServiceRecord } from './records.ts'
import type { Route } from './routing.ts'

/** The public address with every instance that has a port and is not ending, weighed as the rollout's split says. */
export function publicRoute(record: ServiceRecord | undefined, instances: readonly InstanceRecord[]): Route {
  const routed = instances.filter(({ port, traffic }) => port !== null && traffic !== 'stopping')
  const stable = record?.generations[record.stable ?? '']
  const templates = routed.length > 0 ? routed.map((instance) => instance.template) : stable ? [stable] : []
  const shares = sharesOf(routed.map(asAdmitted).filter(isAdmitted), record?.split ?? null)
  return {
    listen: { host: record?.address?.host ?? null, port: record?.address?.port ?? null },
    backends: routed.flatMap((instance) => backendOf(instance, shares.get(instance.id) ?? 0)),
    // While two generations serve, the more patient one decides.
    drainTimeoutMs: Math.max(0, ...templates.map((template) => template.drainTimeoutMs)),
    ...(record ? routerOf(record) : {}),
  }
}

/** Only the public address can be at a team's router; a preview is at our own. */
export function routerOf({ scope, service, router }: Pick<ServiceRecord, 'scope' | 'service' | 'router'>) {
  if (router.kind === 'built-in') return {}
  return { router: { config: router, name: routedName(router, { ...scope, service }) } }
}

/** Until everything goes to it, the generation of a split can be looked at by itself. */
export const isPreviewed = ({ address, split }: ServiceRecord): boolean =>
  address !== null && split !== null && split.weight < 100

/** The new set by itself, at an address of its own; null where there is nothing to look at. */
export function previewRoute(record: ServiceRecord | undefined, instances: readonly InstanceRecord[]): Route | null {
  if (record === undefined || record.address === null || !isPreviewed(record)) return null
  const shown = instances.filter(
    ({ template, traffic, port }) =>
      template.generation === record.split?.generation && traffic === 'serving' && port !== null,
  )
  return {
    listen: { host: record.address.host, port: null },
    backends: shown.flatMap((instance) => backendOf(instance, 1)),
    // Who looks at it is gone when it closes.
    drainTimeoutMs: 0,
  }
}

const asAdmitted = ({ id, template, traffic }: InstanceRecord) => ({
  id,
  generation: template.generation,
  phase: traffic === 'draining' ? ('draining' as const) : ('healthy' as const),
  weight: traffic === 'none' ? 0 : 1,
})

function backendOf({ id, port, traffic, template }: InstanceRecord, share: number): Route['backends'] {
  if (port === null) return []
  // A draining backend keeps a weight: at the router 0 means that it was never let in.
  const isDraining = traffic === 'draining'
  return [{ id, port, health: template.health, weight: isDraining ? 1 : share, drain: isDraining }]
}
