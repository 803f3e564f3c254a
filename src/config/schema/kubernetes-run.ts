/** What a cluster is told about a service. */
import * as z from 'zod'
import type { HelmImage, Json, KubernetesDescription, VariableDelivery } from '../../model/index.ts'
import { oneOf } from '../mistake.ts'
import { nameSchema } from './name.ts'
import { pathSchema, patternSchema } from './path.ts'
import { templateSchema } from './placeholder.ts'
import { addMistake, choice, mappingOf, mustBe, object, oneOrMany, textWith } from './shapes.ts'

const objectName = templateSchema(
  'a name of Kubernetes, such as `{service}-env`',
  /^[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$/,
)

const valuePath = textWith('a path in the values such as `image.repository`', (path) =>
  /^[^.\s]+(?:\.[^.\s]+)*$/.test(path)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a path in the values such as `image.repository`' },
)

const imageName = textWith('the name of an image, without tag or digest', (name) =>
  /^[a-z0-9][A-Za-z0-9.:_/-]*$/.test(name) && !/:[^/]*$/.test(name.replace(/^[^/]*(?=\/)/, ''))
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be the name of an image, without tag or digest' },
)

const jsonSchema: z.ZodType<Json, Json> = z.json({
  error: mustBe('text, a number, true or false, a list or a mapping'),
})

const helmImageSchema = z.union(
  [
    valuePath.transform((path): HelmImage => ({ kind: 'reference', path })),
    object({
      repository: valuePath.describe('Where the repository goes.'),
      digest: valuePath.describe('Where the digest goes (`sha256:…`).'),
    }).transform((at): HelmImage => ({ kind: 'digest', ...at })),
    object({
      repository: valuePath.describe('Where the repository goes.'),
      tag: valuePath.describe('Where the tag goes; it ends in the digest, which is what counts.'),
    }).transform((at): HelmImage => ({ kind: 'tag', ...at })),
  ],
  { error: mustBe('a path in the values, or a mapping with `repository` and `digest` or `tag`') },
)

const helmSchema = object(
  {
    chart: pathSchema.describe('The folder of the chart.'),
    release: objectName.prefault('{service}').describe('What it is called among the installed charts (`helm list`).'),
    values: oneOrMany(patternSchema, 'a path, or a list of them')
      .prefault([])
      .describe('Files of values; later ones win. `{environment}` may stand in them.'),
    set: mappingOf(valuePath, jsonSchema, 'a mapping of paths to values')
      .prefault({})
      .describe('Single values, over those of all files.'),
    image: helmImageSchema
      .prefault({ repository: 'image.repository', tag: 'image.tag' })
      .describe('Where the image goes. A path takes the whole reference, by digest.'),
  },
  { expected: 'a mapping with `chart`' },
).meta({ id: 'HelmRun', title: 'Helm chart', description: 'Installed and upgraded by `helm`.' })

const variablesSchema = z.union(
  [
    choice(['inject', 'none']).transform((kind): VariableDelivery => ({ kind })),
    object({
      configMap: objectName.describe('The name by which the description refers to plain variables.'),
      secret: objectName.describe('The name by which it refers to secret ones.'),
    }).transform((names): VariableDelivery => ({ kind: 'named', ...names })),
  ],
  { error: mustBe('`inject`, `none`, or a mapping with `configMap` and `secret`') },
)

const kinds = ['helm', 'kustomize', 'manifests', 'knative'] as const

export const kubernetesRunSchema = object(
  {
    helm: helmSchema.optional().describe('A Helm chart.'),
    kustomize: pathSchema.optional().describe('Folder of a `kustomization.yaml`; `{environment}` may stand in it.'),
    manifests: oneOrMany(patternSchema, 'a path or pattern, or a list of them')
      .optional()
      .describe('Plain manifests; `{environment}` may stand in the paths.'),
    knative: object({}).optional().describe('A Knative Service, made from how the service runs.'),
    images: mappingOf(imageName, nameSchema, 'a mapping of image names to services')
      .optional()
      .describe(
        "Names of images in the description, and the services whose artifacts stand in for them. Default: the service's own name.",
      ),
    variables: variablesSchema
      .prefault('inject')
      .describe(
        'How variables reach the containers: added to those of its image, or by the names that the description uses.',
      ),
  },
  { expected: 'a mapping with `helm`, `kustomize`, `manifests` or `knative`' },
)
  .superRefine((given, context) => {
    const named = kinds.filter((kind) => given[kind] !== undefined)
    if (named.length < 2) return
    addMistake(context, { code: 'NOT_EXACTLY_ONE', message: `\`{key}\` has ${oneOf(named, 'and')}: keep one of them` })
  })
  .meta({
    id: 'KubernetesRun',
    title: 'On a cluster',
    description: 'How a cluster is told about the service. Without a kind, a Deployment is made from how it runs.',
  })
  .transform(({ images, variables, ...given }) => ({
    description: descriptionOf(given),
    images: images ?? null,
    variables,
  }))

export type KubernetesRunDocument = z.output<typeof kubernetesRunSchema>

type Given = {
  helm?: z.output<typeof helmSchema> | undefined
  kustomize?: string | undefined
  manifests?: string[] | undefined
  knative?: object | undefined
}

function descriptionOf({ helm, kustomize, manifests, knative }: Given): KubernetesDescription {
  if (helm !== undefined) return { kind: 'helm', ...helm }
  if (kustomize !== undefined) return { kind: 'kustomize', path: kustomize }
  if (manifests !== undefined) return { kind: 'manifests', files: manifests }
  return knative === undefined ? { kind: 'generated' } : { kind: 'knative' }
}
