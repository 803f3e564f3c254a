/** Kubernetes: what Trunkline applies itself, and Helm. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema } from '../placeholder.ts'
import { addMistake, choice, flag, listOf, mustBe, object, wholeNumber } from '../shapes.ts'
import { accessOf, clusterSchema, clusterShape } from './cluster.ts'

export const repositorySchema = templateSchema(
  'a repository such as `registry.example/shop`',
  /^[A-Za-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)+$/,
  ['service'],
)

export const kubernetesSchema = object(
  {
    ...clusterShape,
    clusters: listOf(clusterSchema, 'a list of clusters')
      .min(1, { error: mustBe('a list of at least one cluster') })
      .optional()
      .describe('Several clusters, rolled out one after the other; in place of `kubeconfig` and `context`.'),
    namespace: templateSchema('a namespace', /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
      .prefault('{project}-{environment}')
      .describe('Where objects go.'),
    createNamespace: flag(true).describe('Whether a namespace that is missing is made.'),
    replicas: wholeNumber(1, 1000).prefault(2).describe('Pods of each service whose description is made by Trunkline.'),
    pullFrom: repositorySchema
      .optional()
      .describe('The repository that the cluster pulls from, where it knows the registry by another name.'),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where a service is reached from outside: for verification, and for people.'),
    conflicts: choice(['fail', 'force'])
      .prefault('fail')
      .describe('Fields that someone else manages: `fail` says who; `force` takes them over.'),
    drift: choice(['report', 'repair'])
      .prefault('report')
      .describe('Changes made by hand: `report` shows them, `repair` puts them back with the next delivery.'),
    timeout: durationSchema.prefault('10m').describe('How long a rollout may take until everything is healthy.'),
    serviceAccount: templateSchema('a service account', /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
      .optional()
      .describe("What hooks and tasks run as. Default: the namespace's own."),
  },
  { expected: 'a mapping such as `{ context: stage, namespace: shop }`' },
)
  .superRefine(({ clusters, kubeconfig, context, eks }, refinement) => {
    if (clusters === undefined || (kubeconfig ?? context ?? eks) === undefined) return
    addMistake(refinement, {
      code: 'NOT_EXACTLY_ONE',
      key: 'clusters',
      message: '`{key}` has `clusters` beside `kubeconfig`, `context` or `eks`: keep one of them',
    })
  })
  .meta({ id: 'Kubernetes', title: 'Kubernetes', description: 'A cluster: images by digest, watched until healthy.' })
  .transform(
    ({ clusters, kubeconfig, context, eks, pullFrom, url, timeout, serviceAccount, ...rest }): TargetConfig => ({
      kind: 'kubernetes',
      kubernetes: {
        ...rest,
        clusters: clusters ?? [accessOf({ kubeconfig, context, eks })],
        pullFrom: pullFrom ?? null,
        url: url ?? null,
        timeoutMs: timeout,
        serviceAccount: serviceAccount ?? null,
      },
    }),
  )
