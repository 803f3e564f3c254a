/**
 * Where objects say what their pods are made of: a Pod's own `spec`, and in whatever else (Deployment, CronJob, Knative
 * Service, kinds nobody here knows) the `spec` of a template that has containers. Edits leave the object they are given
 * as it is, and answer the very same one where nothing changes.
 */
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { isMapping } from './read-manifests.ts'

export type PodSpec = Readonly<Record<string, unknown>>
export type Container = Readonly<Record<string, unknown>>

export const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** The object with each of its pod specs edited. */
export function editPodSpecs(object: KubernetesObject, edit: (spec: PodSpec) => PodSpec): KubernetesObject {
  if (object.apiVersion === 'v1' && object.kind === 'Pod') return editMember(object, 'spec', editIf(isPodSpec, edit))
  return editTemplates(object, edit) as KubernetesObject // Its kind and metadata hold no templates.
}

export function podSpecsOf(object: KubernetesObject): PodSpec[] {
  const found: PodSpec[] = []
  editPodSpecs(object, (spec) => {
    found.push(spec)
    return spec
  })
  return found
}

export function editContainers(spec: PodSpec, edit: (container: Container) => Container): PodSpec {
  return containerLists.reduce<PodSpec>(
    (edited, list) =>
      editMember(edited, list, (members) =>
        Array.isArray(members) ? editItems(members, (member) => (isMapping(member) ? edit(member) : member)) : members,
      ),
    spec,
  )
}

export const containersOf = (spec: PodSpec): Container[] =>
  containerLists.flatMap((list) => {
    const members = spec[list]
    return Array.isArray(members) ? members.filter(isMapping) : []
  })

const isPodSpec = (value: unknown): value is PodSpec => isMapping(value) && Array.isArray(value['containers'])

const isTemplateKey = (key: string): boolean => /template$/i.test(key)

function editTemplates(value: unknown, edit: (spec: PodSpec) => PodSpec): unknown {
  if (Array.isArray(value)) return editItems(value, (item) => editTemplates(item, edit))
  if (!isMapping(value)) return value
  return Object.keys(value).reduce<Record<string, unknown>>(
    (edited, key) =>
      editMember(edited, key, (member) =>
        isTemplateKey(key) && isMapping(member) && isPodSpec(member['spec'])
          ? editMember(member, 'spec', editIf(isPodSpec, edit))
          : editTemplates(member, edit),
      ),
    value,
  )
}

const editIf =
  <Wanted>(isWanted: (value: unknown) => value is Wanted, edit: (value: Wanted) => unknown) =>
  (value: unknown): unknown =>
    isWanted(value) ? edit(value) : value

/** The same mapping where the edit leaves the member as it is. */
export function editMember<Whole extends Readonly<Record<string, unknown>>>(
  whole: Whole,
  key: string,
  edit: (member: unknown) => unknown,
): Whole {
  if (!Object.hasOwn(whole, key)) return whole
  const member = whole[key]
  const edited = edit(member)
  return edited === member ? whole : { ...whole, [key]: edited }
}

/** The same list where the edit leaves every item as it is. */
export function editItems(items: readonly unknown[], edit: (item: unknown) => unknown): readonly unknown[] {
  const edited = items.map(edit)
  return edited.every((item, index) => item === items[index]) ? items : edited
}
