/** Objects with pod specs, made at random: every kind that has them, and fields that only look like it. */
import fc from 'fast-check'
import type { KubernetesObject } from '../../../../src/kubernetes-api/index.ts'

type Fields = Record<string, unknown>

const plain = { noNullPrototype: true } as const

export const imageNames = ['web', 'nginx', 'docker.io/library/nginx', 'ghcr.io/acme/web', 'localhost:5000/web'] as const
const image = fc
  .tuple(
    fc.constantFrom(...imageNames),
    fc.constantFrom('', ':1', ':latest'),
    fc.constantFrom('', `@sha256:${'c'.repeat(64)}`),
  )
  .map((parts) => parts.join(''))

const name = fc.constantFrom('web-env', 'web-secret', 'other', 'web')
const reference = (field: string) => name.map((value): Fields => ({ [field]: value }))
const some = <Value>(values: fc.Arbitrary<Value>) => fc.array(values, { maxLength: 3 })
const fields = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Fields> =>
  fc.record(shape, { requiredKeys: [], noNullPrototype: true })

const container = fc
  .tuple(
    fc.record({ name, image }, plain),
    fields({
      command: some(image),
      env: some(
        fc.oneof(
          fc.record({ name, value: name }, plain),
          fc.record(
            {
              name,
              valueFrom: fields({ configMapKeyRef: reference('name'), secretKeyRef: reference('name') }),
            },
            plain,
          ),
        ),
      ),
      envFrom: some(fields({ configMapRef: reference('name'), secretRef: reference('name'), prefix: name })),
    }),
  )
  .map(([own, more]): Fields => ({ ...own, ...more }))

const volume = fc
  .tuple(
    reference('name'),
    fields({
      configMap: reference('name'),
      secret: reference('secretName'),
      persistentVolumeClaim: reference('claimName'),
      projected: fields({ sources: some(fields({ configMap: reference('name'), secret: reference('name') })) }),
    }),
  )
  .map(([own, more]): Fields => ({ ...own, ...more }))

export const podSpec: fc.Arbitrary<Fields> = fc
  .tuple(
    fc.array(container, { minLength: 1, maxLength: 3 }),
    fields({
      initContainers: some(container),
      ephemeralContainers: some(container),
      volumes: some(volume),
      serviceAccountName: name,
      imagePullSecrets: some(reference('name')),
    }),
  )
  .map(([containers, more]) => ({ ...more, containers }))

/** Where each kind has its pods, and what else it may say. */
const kinds: Record<string, (spec: Fields) => KubernetesObject> = {
  Pod: (spec) => object('v1', 'Pod', { spec }),
  Deployment: (spec) => object('apps/v1', 'Deployment', { spec: { replicas: 2, template: { spec } } }),
  StatefulSet: (spec) => object('apps/v1', 'StatefulSet', { spec: { template: { metadata: { name: 'web' }, spec } } }),
  Job: (spec) => object('batch/v1', 'Job', { spec: { template: { spec } } }),
  CronJob: (spec) => object('batch/v1', 'CronJob', { spec: { jobTemplate: { spec: { template: { spec } } } } }),
  Knative: (spec) => object('serving.knative.dev/v1', 'Service', { spec: { template: { spec }, traffic: [] } }),
  Unknown: (spec) =>
    object('acme.example/v1', 'Rockets', { spec: { image: 'web', stages: [{ name: 'one', template: { spec } }] } }),
}

function object(apiVersion: string, kind: string, fields: Fields): KubernetesObject {
  return { apiVersion, kind, metadata: { name: 'web', labels: { image: 'web' } }, ...fields }
}

export type PodObject = { object: KubernetesObject; spec: Fields; wrap(spec: Fields): KubernetesObject }

export const podObject: fc.Arbitrary<PodObject> = fc
  .tuple(fc.constantFrom(...Object.values(kinds)), podSpec)
  .map(([wrap, spec]) => ({ object: wrap(spec), spec, wrap }))

/** What is no workload stays as it is, however much it looks like one. */
export const bystander: fc.Arbitrary<KubernetesObject> = fc.constantFrom(
  { ...object('v1', 'ConfigMap', {}), data: { image: 'web', containers: '[{"image":"web"}]' } },
  object('v1', 'Service', { spec: { selector: { app: 'web' } } }),
  object('acme.example/v1', 'Gallery', { spec: { image: 'web', containers: [{ image: 'web' }], env: ['web-env'] } }),
)
