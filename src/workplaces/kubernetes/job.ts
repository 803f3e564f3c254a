/** Pure: the Job that carries out an order, and the Secret with its variables. */
import type { KubernetesObject } from '../../kubernetes-api/index.ts'
import type { Digest, KubernetesWorkplace } from '../../model/index.ts'
import { ticketVariable, writeTicket } from '../ticket.ts'
import type { Assignment } from '../workplace.ts'

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  project: 'trunkline.dev/project',
  service: 'trunkline.dev/service',
  order: 'trunkline.dev/order',
} as const
export const runAnnotation = 'trunkline.dev/run'
const titleAnnotation = 'trunkline.dev/title'

/** Everything of ours in the namespace, for watching. */
export const selector = (project: string): string => `${labels.project}=${label(project)},${labels.order}`

/** Kubernetes keeps a Job that long after its end: for a controller that comes back. */
const rememberSeconds = 60 * 60
/** For a worker that is told to stop, to end its commands. */
const graceSeconds = 20
const homeFolder = '/trunkline'
const loginFolder = '/trunkline-login'

export const containerName = 'worker'

/** The same order has the same name: it cannot run twice at a time. */
export const jobName = (order: Digest): string => `trunkline-${hex(order).slice(0, 40)}`

const hex = (digest: Digest): string => digest.slice('sha256:'.length)
/** Values of labels are short, and end as they begin. */
const label = (text: string): string => text.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '')

export function jobOf(assignment: Assignment, place: KubernetesWorkplace, run: string): KubernetesObject {
  const { order, project, service, title, timeoutMs } = assignment
  const name = jobName(order)
  const own = {
    [labels.managedBy]: 'trunkline',
    [labels.project]: label(project),
    [labels.service]: label(service),
    [labels.order]: hex(order).slice(0, 40),
  }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...{ name, namespace: place.namespace, labels: own },
      annotations: { [runAnnotation]: run, [titleAnnotation]: title },
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil((timeoutMs + place.startTimeoutMs) / 1000),
      ttlSecondsAfterFinished: rememberSeconds,
      template: {
        metadata: { labels: own, annotations: { [titleAnnotation]: title } },
        spec: podSpec(assignment, place, run),
      },
    },
  }
}

function podSpec(assignment: Assignment, place: KubernetesWorkplace, run: string) {
  const { login, secrets, serviceAccount, nodeSelector, tolerations, pullSecrets } = place
  const [os = '', architecture = ''] = place.platform.split('/')
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: graceSeconds,
    // What a commit brings gets no word with the cluster.
    automountServiceAccountToken: false,
    ...(serviceAccount === null ? {} : { serviceAccountName: serviceAccount }),
    nodeSelector: {
      'kubernetes.io/os': os,
      'kubernetes.io/arch': architectures[architecture] ?? architecture,
      ...nodeSelector,
    },
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
    containers: [
      {
        name: containerName,
        image: place.image,
        command: ['trunkline', 'work'],
        env: variablesOf(assignment, run, login),
        envFrom: [
          ...secrets.map((name) => ({ secretRef: { name } })),
          ...(hasVariables(assignment) ? [{ secretRef: { name: jobName(assignment.order) } }] : []),
        ],
        resources: place.resources,
        volumeMounts: [
          { name: 'home', mountPath: homeFolder },
          ...(login === null ? [] : [{ name: 'login', mountPath: loginFolder, readOnly: true }]),
        ],
      },
    ],
    volumes: [
      { name: 'home', emptyDir: {} },
      ...(login === null
        ? []
        : [
            {
              name: 'login',
              secret: { secretName: login, items: [{ key: '.dockerconfigjson', path: 'config.json' }] },
            },
          ]),
    ],
  }
}

/** Node's names and those of Go, which nodes are labelled with. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ppc64: 'ppc64le' }

const variablesOf = ({ ticket }: Assignment, run: string, login: string | null) => [
  { name: ticketVariable, value: writeTicket({ ...ticket, run }) },
  { name: 'TRUNKLINE_HOME', value: homeFolder },
  ...(login === null
    ? []
    : [
        { name: 'DOCKER_CONFIG', value: loginFolder },
        { name: 'REGISTRY_AUTH_FILE', value: `${loginFolder}/config.json` },
      ]),
]

export const hasVariables = ({ variables }: Assignment): boolean => Object.keys(variables).length > 0

/** Goes with its Job; null where there is nothing to keep secret. */
export function secretOf(assignment: Assignment, job: KubernetesObject): KubernetesObject | null {
  if (!hasVariables(assignment)) return null
  const { name, namespace, uid, labels: own } = job.metadata
  if (uid === undefined) throw new Error('a Job that was made has a uid')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(own === undefined ? {} : { labels: own }),
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
    },
    immutable: true,
    stringData: assignment.variables,
  }
}
