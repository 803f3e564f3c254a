/**
 * What was changed by hand. Every field that was applied must stand there as it was applied; what else stands there is the
 * server's, or others' to decide. Pure: no request is made for what is as it should be. A field that only looks different
 * (`1000m` and `1`) is asked about afterwards.
 */
import type { KubernetesObject, ManagedFields } from '../../../kubernetes-api/index.ts'

export type Difference = {
  /** As people write it: `spec.template.spec.containers[name=main].image`. */
  path: string
  expected: unknown
  /** Absent: it is not there. */
  actual?: unknown
  /** Who wrote it last, as far as the server tells. */
  by: { manager: string; at: string | null } | null
}

/** Never compared: the server's own. */
const ofTheServer = new Set(['resourceVersion', 'uid', 'generation', 'creationTimestamp', 'managedFields', 'selfLink'])
/** What tells members of a list apart, in this order of preference. */
const keys = ['name', 'containerPort', 'port', 'mountPath', 'key', 'type', 'ip']

export function differences(applied: KubernetesObject, live: KubernetesObject): Difference[] {
  const found: Array<Omit<Difference, 'by'> & { steps: Step[] }> = []
  for (const [field, expected] of Object.entries(applied)) {
    if (field === 'apiVersion' || field === 'kind' || field === 'status') continue
    if (field === 'stringData') continue
    compare(expected, live[field], [field], found)
  }
  return found.map(({ steps, ...difference }) => ({
    ...difference,
    by: writerOf(steps, live.metadata.managedFields ?? []),
  }))
}

/** A field, or a member of a list by what tells it apart. */
type Step = string | { key: string; value: unknown }

function compare(
  expected: unknown,
  actual: unknown,
  steps: Step[],
  found: Array<Omit<Difference, 'by'> & { steps: Step[] }>,
): void {
  if (expected === null || expected === undefined) return
  if (Array.isArray(expected)) {
    const key = keyOfList(expected)
    const there = Array.isArray(actual) ? actual : []
    if (key === null) {
      if (JSON.stringify(expected) !== JSON.stringify(actual)) add()
      return
    }
    for (const member of expected) {
      const value = fieldOf(member, key)
      compare(
        member,
        there.find((other) => fieldOf(other, key) === value),
        [...steps, { key, value }],
        found,
      )
    }
    return
  }
  if (typeof expected === 'object') {
    if (typeof actual !== 'object' || actual === null) {
      // An empty mapping says nothing that the server would keep.
      if (Object.keys(expected).length > 0) add()
      return
    }
    for (const [field, value] of Object.entries(expected)) {
      if (steps.length === 1 && steps[0] === 'metadata' && ofTheServer.has(field)) continue
      compare(value, fieldOf(actual, field), [...steps, field], found)
    }
    return
  }
  if (expected !== actual && !isSameQuantity(expected, actual)) add()

  function add() {
    found.push({ steps, path: pathOf(steps), expected, ...(actual === undefined ? {} : { actual }) })
  }
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null && field in value ? Reflect.get(value, field) : undefined

/** A list of mappings that all have the same distinct key is merged by it; any other is one value. */
function keyOfList(list: readonly unknown[]): string | null {
  for (const key of keys) {
    const values = list.map((member) => fieldOf(member, key))
    if (values.length > 0 && values.every((value) => value !== undefined) && new Set(values).size === values.length)
      return key
  }
  return null
}

const pathOf = (steps: readonly Step[]): string =>
  steps.reduce<string>((path, step) => {
    if (typeof step === 'object') return `${path}[${step.key}=${String(step.value)}]`
    return path === '' ? step : /^[A-Za-z0-9_-]+$/.test(step) ? `${path}.${step}` : `${path}["${step}"]`
  }, '')

const suffixes: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
}

/** `0.5` and `500m`: the server writes quantities its own way. */
function isSameQuantity(left: unknown, right: unknown): boolean {
  const [one, other] = [quantity(left), quantity(right)]
  return one !== null && other !== null && Math.abs(one - other) <= Math.abs(one) * 1e-9
}

function quantity(value: unknown): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return null
  const [, digits, suffix = ''] = /^([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(value) ?? []
  const factor = suffixes[suffix]
  return digits === undefined || factor === undefined ? null : Number(digits) * factor
}

/** The newest of the managers that own a field, other than us. */
function writerOf(steps: readonly Step[], managed: readonly ManagedFields[]): Difference['by'] {
  const owners = managed
    .filter(
      ({ manager, operation, fieldsV1 }) =>
        !(manager === 'trunkline' && operation === 'Apply') && fieldsV1 !== undefined && owns(fieldsV1, steps),
    )
    .sort((left, right) => (right.time ?? '').localeCompare(left.time ?? ''))
  const [newest] = owners
  if (newest !== undefined) return { manager: newest.manager ?? 'unknown', at: newest.time ?? null }
  return null
}

/** Whether anyone else has written a field that is applied here. What controllers add beside it is theirs. */
export function isWrittenByOthers(applied: KubernetesObject, live: KubernetesObject): boolean {
  const others = (live.metadata.managedFields ?? []).flatMap(({ manager, operation, fieldsV1 }) =>
    (manager === 'trunkline' && operation === 'Apply') || fieldsV1 === undefined ? [] : [fieldsV1],
  )
  return others.length > 0 && leavesOf(applied, []).some((steps) => others.some((fields) => owns(fields, steps)))
}

/** Every single value of it, by where it stands. */
function leavesOf(value: unknown, steps: readonly Step[]): Array<readonly Step[]> {
  if (typeof value !== 'object' || value === null) return [steps]
  if (!Array.isArray(value))
    return Object.entries(value).flatMap(([field, inner]) => leavesOf(inner, [...steps, field]))
  const key = keyOfList(value)
  if (key === null) return [steps]
  return value.flatMap((member) => leavesOf(member, [...steps, { key, value: fieldOf(member, key) }]))
}

/** `f:spec`, `k:{"name":"main"}`: as managed fields write paths. A field of which it has a part counts. */
function owns(fields: Readonly<Record<string, unknown>>, steps: readonly Step[]): boolean {
  let here: unknown = fields
  for (const step of steps) {
    if (typeof here !== 'object' || here === null) return false
    const next =
      typeof step === 'string'
        ? Reflect.get(here, `f:${step}`)
        : Object.entries(here).find(([key]) => key.startsWith('k:') && isKeyOf(key.slice(2), step))?.[1]
    // An owner of a whole (an atomic list) owns its parts.
    if (next === undefined) return false
    if (typeof next === 'object' && next !== null && Object.keys(next).length === 0) return true
    here = next
  }
  return true
}

function isKeyOf(text: string, { key, value }: { key: string; value: unknown }): boolean {
  try {
    return fieldOf(JSON.parse(text), key) === value
  } catch {
    return false
  }
}
