/** Services and routes of a rollout in stages: which set of pods they lead to, and with which weights. Pure. */
import { groupOf, type KubernetesObject } from '../../../kubernetes-api/index.ts'
import { type Labels, setLabel, temporary } from './sets.ts'

type ServiceSpec = { selector?: Labels; ports?: unknown[]; sessionAffinity?: unknown }

export const isService = ({ apiVersion, kind }: KubernetesObject): boolean =>
  kind === 'Service' && groupOf(apiVersion) === ''

export const serviceSpecOf = (service: KubernetesObject): ServiceSpec => (service['spec'] ?? {}) as ServiceSpec

/** Whether a Service leads to pods with these labels. */
export function selects(service: KubernetesObject, labels: Labels): boolean {
  const selector = Object.entries(serviceSpecOf(service).selector ?? {})
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value)
}

/** To one set alone, or to both. */
export function leadingTo(service: KubernetesObject, set: 'stable' | 'next' | 'both'): KubernetesObject {
  if (set === 'both') return service
  const spec = serviceSpecOf(service)
  return { ...service, spec: { ...spec, selector: { ...spec.selector, [setLabel]: set } } }
}

/** A Service inside the cluster that leads to the new set alone. */
export function serviceOfNext(service: KubernetesObject, suffix: 'next' | 'preview'): KubernetesObject {
  const { selector, ports, sessionAffinity } = serviceSpecOf(service)
  const inside = (ports ?? []).map((port) => {
    if (typeof port !== 'object' || port === null) return port
    const { nodePort: _public, ...rest } = port as { nodePort?: number }
    return rest
  })
  const spec = {
    type: 'ClusterIP',
    selector: { ...selector, [setLabel]: 'next' },
    ports: inside,
    ...(sessionAffinity === undefined ? {} : { sessionAffinity }),
  }
  const { metadata, ...rest } = temporary(service, suffix)
  // What a load balancer, a mesh or a DNS is told of the public one is not for this one.
  const { annotations: _annotations, ...kept } = metadata
  return { ...rest, metadata: kept, spec }
}

type BackendRef = { group?: string; kind?: string; name?: string; namespace?: string; weight?: number }
type RouteRule = { backendRefs?: BackendRef[] }

const isRoute = ({ apiVersion, kind }: KubernetesObject): boolean =>
  groupOf(apiVersion) === 'gateway.networking.k8s.io' && (kind === 'HTTPRoute' || kind === 'GRPCRoute')

const rulesOf = (route: KubernetesObject): RouteRule[] =>
  (route['spec'] as { rules?: RouteRule[] } | undefined)?.rules ?? [] // Of a route of the Gateway API.

function refersTo(reference: BackendRef, route: KubernetesObject, service: KubernetesObject): boolean {
  const { group = '', kind = 'Service', name, namespace = route.metadata.namespace } = reference
  return (
    group === '' && kind === 'Service' && name === service.metadata.name && namespace === service.metadata.namespace
  )
}

/** Routes of the Gateway API that lead to a Service by its name. */
export const routesTo = (objects: readonly KubernetesObject[], service: KubernetesObject): KubernetesObject[] =>
  objects.filter(
    (object) =>
      isRoute(object) &&
      rulesOf(object).some(({ backendRefs = [] }) => backendRefs.some((known) => refersTo(known, object, service))),
  )

/** A route in which each share that a Service has goes to its new set by `weight` percent; all other shares stay. */
export function weighed(
  route: KubernetesObject,
  pairs: ReadonlyArray<{ service: KubernetesObject; next: KubernetesObject }>,
  weight: number,
): KubernetesObject {
  const rules = rulesOf(route).map((rule) => {
    const { backendRefs } = rule
    if (backendRefs === undefined) return rule
    return {
      ...rule,
      backendRefs: backendRefs.flatMap((reference): BackendRef[] => {
        const share = reference.weight ?? 1
        const pair = pairs.find(({ service }) => refersTo(reference, route, service))
        if (pair === undefined) return [{ ...reference, weight: share * 100 }]
        return [
          { ...reference, weight: share * (100 - weight) },
          { ...reference, name: pair.next.metadata.name, weight: share * weight },
        ]
      }),
    }
  })
  return { ...route, spec: { ...(route['spec'] as object), rules } }
}
