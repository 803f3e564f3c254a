/** Checks and builds as Jobs of a cluster. */
import * as z from 'zod'
import type { WorkplaceConfig } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { durationSchema } from '../duration.ts'
import { listOf, mappingOf, mustBe, object, textWith } from '../shapes.ts'
import { accessOf, clusterShape } from '../target/cluster.ts'

export const named = (expected: string, pattern: RegExp) =>
  textWith(expected, (text) =>
    pattern.test(text) ? null : { code: 'INVALID_VALUE', message: `\`{key}\` must be ${expected}, not ${show(text)}` },
  )

const namespace = named('a namespace', /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
const objectName = named('a name of Kubernetes', /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
export const image = named(
  'an image such as `registry.example/ci@sha256:…`',
  /^[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?(?:\/[a-z0-9._-]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/,
)
export const platform = named(
  'a platform such as `linux/x64`',
  /^linux\/(?:x64|arm64|arm|ppc64|s390x|riscv64|loong64)$/,
)
const quantity = z.union(
  [
    named('an amount such as `500m` or `2Gi`', /^\d+(?:\.\d+)?(?:[munkMGTPE]|[KMGTPE]i|e\d+)?$/),
    z.number().positive().transform(String),
  ],
  { error: mustBe('an amount such as `2`, `500m` or `2Gi`') },
)
const amounts = mappingOf(z.string(), quantity, 'a mapping such as `{ cpu: 2, memory: 4Gi }`')
const words = mappingOf(z.string(), z.string({ error: mustBe('text') }), 'a mapping of labels to values')
const toleration = z.record(z.string(), z.json(), { error: mustBe('a toleration, as pods have them') })

export const kubernetesWorkplaceSchema = object(
  {
    ...clusterShape,
    namespace: namespace.describe('Where Jobs are made. It exists.'),
    image: image.describe(
      'What Jobs run: an image with Trunkline, and with what checks and builds call. By digest it is the same for all.',
    ),
    platform: platform
      .prefault('linux/x64')
      .describe('What nodes it runs on; part of input hashes where `platform` of the project says nothing else.'),
    serviceAccount: objectName
      .optional()
      .describe("What Jobs run as, for clouds that give rights by it. Default: the namespace's own."),
    resources: object(
      {
        requests: amounts.prefault({}).describe('What a node must have free.'),
        limits: amounts.prefault({}).describe('What it may use at most.'),
      },
      { expected: 'a mapping with `requests` and `limits`' },
    )
      .prefault({})
      .describe('Of each Job.'),
    nodeSelector: words.prefault({}).describe('Labels of the nodes it may run on.'),
    tolerations: listOf(toleration, 'a list of tolerations')
      .prefault([])
      .describe('Taints of nodes that it runs on all the same, as pods have them.'),
    pullSecrets: listOf(objectName, 'a list of names of Secrets')
      .prefault([])
      .describe('Secrets with which the image is pulled.'),
    login: objectName
      .optional()
      .describe('The Secret (`kubernetes.io/dockerconfigjson`) by which a worker logs in to registries.'),
    secrets: listOf(objectName, 'a list of names of Secrets')
      .prefault([])
      .describe('Secrets whose keys are variables of the worker. Builds see those that Trunkline passes on anyway.'),
    startTimeout: durationSchema
      .prefault('10m')
      .describe('How long a Job may wait for a node and for its image; longer is errored.'),
  },
  { expected: 'a mapping with `namespace` and `image`' },
)
  .meta({ id: 'KubernetesJobs', title: 'Kubernetes Jobs', description: 'Each check and build is a Job.' })
  .transform(
    ({ kubeconfig, context, eks, serviceAccount, login, startTimeout, ...rest }): WorkplaceConfig => ({
      kind: 'kubernetes',
      kubernetes: {
        ...rest,
        access: accessOf({ kubeconfig, context, eks }),
        serviceAccount: serviceAccount ?? null,
        login: login ?? null,
        startTimeoutMs: startTimeout,
      },
    }),
  )
