/** GitOps: a manifest repository that someone else brings to a cluster. */
import * as z from 'zod'
import type { GitOpsEdit, GitOpsFollower, TargetConfig } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { durationSchema } from '../duration.ts'
import { nameSchema } from '../name.ts'
import { secretSourceSchema } from '../notification.ts'
import { patternSchema } from '../path.ts'
import { templateSchema } from '../placeholder.ts'
import { isSecret } from '../secret.ts'
import { addMistake, choice, listOf, mappingOf, object, textWith } from '../shapes.ts'
import { accessOf, clusterShape } from './cluster.ts'
import { repositorySchema } from './kubernetes.ts'

const locationSchema = textWith('the URL or path of a git repository', (text) => {
  if (text.trim() === '' || text.startsWith('-') || /\p{Cc}/u.test(text)) {
    return {
      code: 'INVALID_VALUE',
      message: `\`{key}\` must be the URL or path of a git repository, not ${show(text)}`,
    }
  }
  const url = URL.parse(text)
  if (isSecret(text) || (url !== null && url.password !== '')) {
    return {
      code: 'SECRET_IN_CONFIG',
      message: '`{key}` has credentials in it',
      hint: "leave them out: git's own credential helpers are asked",
      secret: true,
    }
  }
  return null
})

const branchSchema = textWith('the name of a branch', (name) =>
  /^(?!-)[\w.{}/-]+$/.test(name) && !name.includes('..')
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be the name of a branch, not ${show(name)}` },
)

const imageSchema = templateSchema('the name of an image', /^[a-z0-9][A-Za-z0-9.:_/-]*$/)
const scalarPath = textWith('a path such as `spec.template.image`', (path) =>
  path.trim() === '' ? { code: 'INVALID_VALUE', message: '`{key}` is empty' } : null,
)

const kinds = ['kustomize', 'helm', 'manifests', 'yaml'] as const

const editSchema = object(
  {
    kustomize: patternSchema.optional().describe('A `kustomization.yaml`: the entry of `images` named `image`.'),
    helm: patternSchema.optional().describe('A file of Helm values: the image at `path`.'),
    manifests: patternSchema.optional().describe('Manifests, as a path or pattern: containers with `image`.'),
    yaml: patternSchema.optional().describe('Any YAML or JSON file: the scalar at `path`.'),
    image: imageSchema.prefault('{service}').describe('The name that the image has there.'),
    path: scalarPath
      .optional()
      .describe('Keys from the root, such as `carts.image`; `[name=carts]` picks from a list.'),
  },
  { expected: 'a mapping such as `{ kustomize: apps/{service}/kustomization.yaml }`' },
)
  .superRefine((given, context) => {
    const named = kinds.filter((kind) => given[kind] !== undefined)
    const message = '`{key}` must have exactly one of `kustomize`, `helm`, `manifests` and `yaml`'
    if (named.length !== 1) addMistake(context, { code: 'NOT_EXACTLY_ONE', message })
    else if ((given.helm ?? given.yaml) !== undefined && given.path === undefined) {
      addMistake(context, {
        code: 'MISSING_KEY',
        message: '`path` is missing from `{key}`: where does the image stand?',
      })
    }
  })
  .meta({ id: 'Edit', title: 'Edit', description: 'Where the image of a service stands in the manifest repository.' })
  .transform(({ kustomize, helm, manifests, yaml, image, path = '' }): GitOpsEdit => {
    if (kustomize !== undefined) return { kind: 'kustomize', file: kustomize, image }
    if (helm !== undefined) return { kind: 'helm', file: helm, path }
    if (manifests !== undefined) return { kind: 'manifests', files: manifests, image }
    return yaml === undefined ? z.NEVER : { kind: 'yaml', file: yaml, path }
  })

const editsSchema = listOf(editSchema, 'a list of edits')

const followerShape = {
  ...clusterShape,
  namespace: templateSchema('a namespace', /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
  name: templateSchema('a name', /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
    .prefault('{service}-{environment}')
    .describe('The name of the object whose status tells.'),
  timeout: durationSchema.prefault('10m').describe('How long it may take until it is synced and healthy.'),
}

const followerSchema = (kind: GitOpsFollower['kind'], namespace: string) =>
  object({ ...followerShape, namespace: followerShape.namespace.prefault(namespace).describe('Where that object is.') })
    .transform(
      ({ kubeconfig, context, eks, timeout, ...rest }): GitOpsFollower => ({
        ...rest,
        kind,
        cluster: accessOf({ kubeconfig, context, eks }),
        timeoutMs: timeout,
      }),
    )
    .optional()

const pullRequestSchema = object({
  api: choice(['github', 'gitlab']).describe('Whose API.'),
  url: textWith('the base URL of the API', (text) =>
    /^https?:\/\/[^\s@]+$/.test(text)
      ? null
      : { code: 'INVALID_VALUE', message: '`{key}` must be the base URL of the API' },
  )
    .optional()
    .describe("The base of the API. Default: the host's public one."),
  token: secretSourceSchema.describe('What it is asked with.'),
})

export const gitopsSchema = object(
  {
    repository: locationSchema.describe('The manifest repository: a URL or a path.'),
    branch: branchSchema.prefault('main').describe('The branch that is deployed.'),
    pullRequest: pullRequestSchema.optional().describe('Opens pull requests, and waits until they are merged.'),
    edits: editsSchema.prefault([]).describe('Where images stand; `{service}` and `{environment}` are filled in.'),
    services: mappingOf(
      nameSchema,
      object({ edits: editsSchema.describe('Where its image stands.') }),
      'a mapping of services to edits',
    )
      .prefault({})
      .describe('Services whose images stand elsewhere.'),
    argocd: followerSchema('argocd', 'argocd').describe('Waits until the `Application` is synced and healthy.'),
    flux: followerSchema('flux', 'flux-system').describe('Waits until the `Kustomization` or `HelmRelease` is ready.'),
    pullFrom: repositorySchema.optional().describe('The repository that the cluster pulls from.'),
  },
  { expected: 'a mapping with `repository` and `edits`' },
)
  .superRefine(({ argocd, flux, edits, services }, context) => {
    if (argocd !== undefined && flux !== undefined) {
      addMistake(context, { code: 'NOT_EXACTLY_ONE', message: '`{key}` has `argocd` and `flux`: keep one of them' })
    }
    if (edits.length > 0 || Object.keys(services).length > 0) return
    addMistake(context, {
      code: 'MISSING_KEY',
      message: '`edits` is missing from `{key}`: where do images stand in the manifest repository?',
      hint: 'for example `edits: [{ kustomize: apps/{service}/kustomization.yaml }]`',
    })
  })
  .meta({
    id: 'GitOps',
    title: 'GitOps',
    description: 'A manifest repository that Argo CD or Flux brings to a cluster.',
  })
  .transform(
    ({ pullRequest, services, argocd, flux, pullFrom, ...rest }): TargetConfig => ({
      kind: 'gitops',
      gitops: {
        ...rest,
        pullRequest: pullRequest === undefined ? null : { ...pullRequest, url: pullRequest.url ?? null },
        services: Object.fromEntries(Object.entries(services).map(([name, { edits }]) => [name, edits])),
        follow: argocd ?? flux ?? null,
        pullFrom: pullFrom ?? null,
      },
    }),
  )
