/**
 * Deployments, each with a second one beside it. Without a traffic platform requests go by numbers of pods: a Service
 * leads to the old pods, to both, or to the new ones. Where an HTTPRoute leads to the Service, weights do it, between
 * that Service and one for the new pods.
 */
import { canonicalJson } from '../../../hashing/index.ts'
import { type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import { type Reason, reason, type StagedStrategy } from '../../../model/index.ts'
import type { Division, DivisionRequest } from './division.ts'
import { leadingTo, routesTo, selects, serviceOfNext, serviceSpecOf, weighed } from './services.ts'
import { nextDeployment, podLabelsOf, setLabel, workloadOf } from './sets.ts'
import { isRouted, servicesTo, takersOf, tooMuchForPods } from './why-undivided.ts'

/** null where there are none. */
export function divideDeployments(request: DivisionRequest): Division | { reasons: Reason[] } | null {
  const takers = takersOf(request.wanted)
  if (takers.length === 0) return null
  const parts: Division[] = []
  for (const taker of takers) {
    const part = divideOne(request, taker)
    if ('reasons' in part) return part
    parts.push(part)
  }
  return sideBySide(parts)
}

function divideOne(
  { before, wanted, strategy, live }: DivisionRequest,
  deployment: KubernetesObject,
): Division | { reasons: Reason[] } {
  const old = before.find((object) => keyOf(object) === keyOf(deployment))
  if (old === undefined) return notBefore(deployment, strategy)
  const services = servicesTo(before, old)
  const nextServices = servicesTo(wanted, deployment)
  const byRoutes = isRouted(before, old)
  const unfit = whyTheyDoNotFit({ old, deployment, services, nextServices, byRoutes })
  if (!byRoutes) unfit.push(...tooMuchForPods(deployment, strategy))
  if (unfit.length > 0) return { reasons: unfit }

  const oldCount = workloadOf(live.get(keyOf(old)) ?? old).replicas ?? 1
  const newCount = workloadOf(deployment).replicas ?? oldCount
  const sizeAt = (share: number): number => {
    const whole = Math.max(oldCount, newCount, 1)
    if (strategy.kind === 'blue-green' || share === 100) return whole
    const size = byRoutes ? Math.ceil((whole * share) / 100) : Math.round((oldCount * share) / (100 - share))
    return Math.max(1, Math.min(whole, size))
  }

  const pairs = services.flatMap((service) => {
    const next = nextServices.find((known) => keyOf(known) === keyOf(service))
    return next === undefined ? [] : [{ service, next: serviceOfNext(next, byRoutes ? 'next' : 'preview') }]
  })
  const routed = pairs.filter(({ service }) => routesTo(before, service).length > 0)
  const routes = new Map(
    routed.flatMap(({ service }) => routesTo(before, service)).map((route) => [keyOf(route), route]),
  )
  const isRoutedService = (service: KubernetesObject) => routed.some((pair) => pair.service === service)
  const setAt = (weight: number) => (weight === 0 ? 'stable' : weight === 100 ? 'next' : 'both')
  return {
    old: [old],
    early: [],
    newSet: (share) => [nextDeployment(deployment, sizeAt(share)), ...pairs.map(({ next }) => next)],
    weigh: (weight) => [
      // With routes every Service leads to the old pods alone: only the route divides.
      ...services.map((service) =>
        leadingTo(service, byRoutes && (weight < 100 || isRoutedService(service)) ? 'stable' : setAt(weight)),
      ),
      // At 0 as it is described: the Service of the new set may not be there yet.
      ...[...routes.values()].map((route) => (weight === 0 ? route : weighed(route, routed, weight))),
    ],
    counted: (share) =>
      byRoutes || share === 0 || share === 100 ? null : { next: sizeAt(share), all: oldCount + sizeAt(share) },
    temporary: [nextDeployment(deployment, 0), ...pairs.map(({ next }) => next)],
    unwanted: [],
    // Pods answer inside the cluster alone, and so does their Service.
    addresses: () => ({ preview: null, all: null }),
  }
}

const notBefore = (deployment: KubernetesObject, { kind }: StagedStrategy) => ({
  reasons: [
    reason(
      'cannot-be-divided',
      `${nameOf(deployment)} cannot be rolled out as ${kind}: what runs now has no Deployment of that name to share requests with`,
      { hint: 'keep its name, or roll it out one-at-a-time, half or all-at-once this time' },
    ),
  ],
})

function whyTheyDoNotFit(sides: {
  old: KubernetesObject
  deployment: KubernetesObject
  services: readonly KubernetesObject[]
  nextServices: readonly KubernetesObject[]
  byRoutes: boolean
}): Reason[] {
  const { old, deployment, services, nextServices, byRoutes } = sides
  const thisTime = { hint: 'roll it out one-at-a-time, half or all-at-once this time' }
  if (podLabelsOf(old)[setLabel] !== 'stable') {
    const message = `the pods of ${nameOf(old)} do not say yet that they are the stable set`
    return [reason('cannot-be-divided', message, thisTime)]
  }
  if (services.length === 0) {
    const message = `no Service leads to ${nameOf(old)} as it runs now: there are no requests to divide`
    return [reason('cannot-be-divided', message, thisTime)]
  }
  const blind = services.filter((service) => !selects(service, podLabelsOf(deployment)))
  const moved = services.filter((service) => {
    const next = nextServices.find((known) => keyOf(known) === keyOf(service))
    const portsOf = (known: KubernetesObject) => canonicalJson(serviceSpecOf(known).ports ?? [])
    return next !== undefined && !byRoutes && portsOf(next) !== portsOf(service)
  })
  return [
    ...blind.map((service) => `${nameOf(service)} as it is does not lead to the new pods: their labels have changed`),
    ...moved.map((service) => `the ports of ${nameOf(service)} change, and both sets stand behind it`),
  ].map((message) => reason('cannot-be-divided', message, thisTime))
}

/** Services that lead to several Deployments are told once. */
function sideBySide(parts: readonly Division[]): Division {
  const once = (objects: KubernetesObject[]) => [
    ...new Map(objects.map((object) => [keyOf(object), object] as const)).values(),
  ]
  return {
    old: parts.flatMap(({ old }) => old),
    early: [],
    newSet: (share, weight) => once(parts.flatMap((part) => part.newSet(share, weight))),
    weigh: (weight) => once(parts.flatMap((part) => part.weigh(weight))),
    counted: (share) => parts.map((part) => part.counted(share)).find((count) => count !== null) ?? null,
    temporary: once(parts.flatMap(({ temporary }) => [...temporary])),
    unwanted: [],
    addresses: () => ({ preview: null, all: null }),
  }
}
