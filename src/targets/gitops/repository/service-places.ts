/** Where the image of each service stands in the manifest repository, from the configuration. */
import {
  type EnvironmentName,
  fillIn,
  type GitOpsConfig,
  type GitOpsEdit,
  type Placeholders,
  type ServiceName,
  usageError,
} from '../../../model/index.ts'
import { type ImagePlace, type PathStep, parsePath } from '../edit/index.ts'

/** Files by path or glob, and the place in each of them. */
export type ServicePlace = { files: string; place: ImagePlace }

export type PlacesOptions = { config: GitOpsConfig; project: string; environment: EnvironmentName }

/** Throws a usage error where nothing says where the image stands. */
export function placesOf(service: ServiceName, { config, project, environment }: PlacesOptions): ServicePlace[] {
  const own = Object.hasOwn(config.services, service) ? config.services[service] : undefined
  const edits = own ?? config.edits
  if (edits.length === 0) {
    throw usageError('NO_EDITS', `nothing says where the image of ${service} stands in ${config.repository}`, {
      hint: `name it in trunkline.yaml: services: { ${service}: { edits: [{ kustomize: … }] } }`,
    })
  }
  return edits.map((edit) => placeOf(edit, { project, environment, service }))
}

function placeOf(edit: GitOpsEdit, values: Placeholders): ServicePlace {
  const filled = (text: string) => fillIn(text, values)
  switch (edit.kind) {
    case 'kustomize':
      return { files: filled(edit.file), place: { kind: 'kustomize', name: filled(edit.image) } }
    case 'manifests':
      return { files: filled(edit.files), place: { kind: 'containers', repository: filled(edit.image) } }
    case 'helm':
    case 'yaml': {
      // Names go into the steps, not into the text: one with a dot is still one key.
      const path = parsePath(edit.path).map((step): PathStep => {
        if (step.kind === 'key') return { kind: 'key', key: filled(step.key) }
        return step.kind === 'item' ? { ...step, value: filled(step.value) } : step
      })
      return { files: filled(edit.file), place: { kind: 'image', document: {}, path } }
    }
  }
}
