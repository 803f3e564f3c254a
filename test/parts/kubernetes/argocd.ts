/** The parts of a real Argo CD that sync: application controller and repo server, with a Redis of their own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { startRedis } from '../redis.ts'
import type { KubernetesObject } from './api.ts'
import { type Cluster, until } from './cluster.ts'
import { HopelessError, type RunningProcess, steadyPort, takesConnections, type Waiting } from './processes.ts'
import { partFolder } from './programs.ts'

export type ApplicationOptions = {
  name: string
  /** `file://…`, or `http://127.0.0.1:…` of a git server. */
  repository: string
  /** Branch, tag or commit; default main. */
  revision?: string
  /** Folder in the repository; default the root. */
  path?: string
  /** Where its objects go; made by Argo CD where it is not there. */
  namespace: string
  /** Syncs by itself, prunes and heals; default true. */
  automated?: boolean
}

export type ArgoCd = {
  /** Where its Applications are. */
  readonly namespace: 'argocd'
  /** Makes an Application, or changes it. */
  application(options: ApplicationOptions): Promise<void>
  /** Name and password for every repository whose URL begins so. */
  credentials(url: string, user: string, password: string): Promise<void>
  get(name: string): Promise<KubernetesObject>
  /** Has it look for commits now; by itself it does so every five seconds. */
  refresh(name: string): Promise<void>
  /** Waits for sync status, health and revision of an Application. */
  until(
    name: string,
    wanted: { sync?: string; health?: string; revision?: string },
    waiting?: Waiting,
  ): Promise<KubernetesObject>
  stop(): Promise<void>
}

const here = import.meta.dirname
const applications = '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications'
const resyncSeconds = '5'

/** Ends with the cluster, but for its Redis, which wants its own `stop()`. */
export async function startArgoCd(cluster: Cluster, environment: NodeJS.ProcessEnv = process.env): Promise<ArgoCd> {
  const programs = await partFolder('argocd', environment)
  const redis = await startRedis(environment)
  try {
    await install(cluster, programs)
    const running = await startServers(cluster, programs, new URL(redis.url), environment)
    return {
      ...argoCdOf(cluster),
      async stop() {
        for (const each of running) await each.end('SIGKILL')
        await redis.stop()
      },
    }
  } catch (error) {
    await redis.stop()
    throw error
  }
}

async function install(cluster: Cluster, programs: string): Promise<void> {
  const crds = ['application', 'appproject', 'applicationset']
  const files = crds.map((kind) => readFileSync(join(programs, 'argocd-crds', `${kind}-crd.yaml`), 'utf8'))
  await cluster.apply(...files, readFileSync(join(here, 'argocd', 'config.yaml'), 'utf8'))
  const project = readFileSync(join(here, 'argocd', 'project.yaml'), 'utf8')
  // A new kind is served a moment after its definition is there.
  await until('the Argo CD project made', () => cluster.apply(project).then(() => true))
}

async function startServers(
  cluster: Cluster,
  programs: string,
  redis: URL,
  environment: NodeJS.ProcessEnv,
): Promise<RunningProcess[]> {
  const folder = join(cluster.folder, 'argocd')
  const place = (...path: string[]) => {
    const made = join(folder, ...path)
    mkdirSync(made, { recursive: true })
    return made
  }
  const shared = {
    PATH: [besideIt(place('bin'), cluster.programs), programs, environment['PATH'] ?? ''].join(delimiter),
    REDIS_PASSWORD: redis.password,
    ARGOCD_FAKE_IN_CLUSTER: 'true',
    ARGOCD_TLS_DATA_PATH: place('tls'),
    ARGOCD_SSH_DATA_PATH: place('ssh'),
    ARGOCD_GPG_DATA_PATH: place('gpg', 'source'),
    ARGOCD_GNUPGHOME: place('gpg', 'keys'),
    ARGOCD_GPG_ENABLED: 'false',
    ARGOCD_PLUGINSOCKFILEPATH: place('plugins'),
    TMPDIR: place('tmp'),
    KUBECONFIG: cluster.kubeconfig,
    GIT_CONFIG_NOSYSTEM: '1',
  }
  const [repoPort, repoMetrics, metrics] = [await steadyPort(), await steadyPort(), await steadyPort()]
  const log = ['--redis', redis.host, '--loglevel', 'info', '--logformat', 'text']
  const repoServer = cluster.processes.start(
    'argocd-repo-server',
    [
      join(programs, 'argocd-repo-server'),
      ...['--address', '127.0.0.1', '--port', String(repoPort), '--disable-tls', '--client-ca-path', ''],
      ...['--metrics-address', '127.0.0.1', '--metrics-port', String(repoMetrics)],
      ...['--revision-cache-expiration', '1s', ...log],
    ],
    shared,
  )
  const controller = cluster.processes.start(
    'argocd-application-controller',
    [
      join(programs, 'argocd-application-controller'),
      ...['--kubeconfig', cluster.kubeconfig, '--namespace', 'argocd', '--metrics-port', String(metrics)],
      ...['--repo-server', `127.0.0.1:${repoPort}`, '--repo-server-plaintext'],
      ...['--app-resync', resyncSeconds, '--app-resync-jitter', '0', ...log],
    ],
    { ...shared, HOSTNAME: 'argocd-application-controller-0', ARGOCD_RECONCILIATION_JITTER: '0' },
  )
  await until('Argo CD ready', async () => {
    for (const each of [repoServer, controller]) {
      if (!each.isRunning()) throw new HopelessError(`${each.name} has ended:\n${each.log()}`)
    }
    const health = await fetch(`http://127.0.0.1:${metrics}/healthz`, { signal: AbortSignal.timeout(5000) })
    return health.ok && (await takesConnections(repoPort))
  })
  return [controller, repoServer]
}

/**
 * Programs that a release has beside it. Git asks one called `argocd` for passwords, which there is all of Argo CD's
 * programs; manifests are made by `kustomize`, which kubectl has within itself.
 */
function besideIt(folder: string, kubernetesPrograms: string): string {
  const script = (name: string, ...lines: string[]) =>
    writeFileSync(join(folder, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  script('argocd', 'exec argocd-git-ask-pass "$@"')
  const kubectl = join(kubernetesPrograms, 'kubectl').replaceAll("'", `'\\''`)
  script(
    'kustomize',
    'case "$1" in',
    `  build) shift; exec '${kubectl}' kustomize "$@" ;;`,
    `  version) exec '${kubectl}' version --client ;;`,
    '  *) echo "only build and version are here" >&2; exit 2 ;;',
    'esac',
  )
  return folder
}

function argoCdOf(cluster: Cluster): Omit<ArgoCd, 'stop'> {
  const get = async (name: string) => {
    const found = await cluster.api.get(`${applications}/${name}`)
    if (found === null) throw new Error(`there is no Application ${name}`)
    return found
  }
  return {
    namespace: 'argocd',
    get,
    application: (options) => cluster.apply(applicationOf(options)),
    credentials: (url, user, password) =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: `credentials-${Buffer.from(url).toString('hex').slice(-40)}`,
          namespace: 'argocd',
          labels: { 'argocd.argoproj.io/secret-type': 'repo-creds' },
        },
        stringData: { type: 'git', url, username: user, password },
      }),
    async refresh(name) {
      const annotations = { 'argocd.argoproj.io/refresh': 'normal' }
      await cluster.api.patch(`${applications}/${name}`, { metadata: { annotations } })
    },
    async until(name, { sync, health, revision }, waiting) {
      let seen: KubernetesObject | null = null
      try {
        return await until(
          `the Application ${name} ${[sync, health, revision].filter((each) => each !== undefined).join(', ')}`,
          async () => {
            seen = await get(name)
            const status = seen['status'] ?? {}
            const isSo =
              (sync === undefined || status.sync?.status === sync) &&
              (health === undefined || status.health?.status === health) &&
              (revision === undefined || status.sync?.revision === revision)
            return isSo ? seen : null
          },
          waiting,
        )
      } catch (error) {
        throw new Error(`${String(error)}; it is ${JSON.stringify(seen?.['status'])}`, { cause: error })
      }
    },
  }
}

function applicationOf(options: ApplicationOptions): object {
  const { name, repository, revision = 'main', path = '.', namespace, automated = true } = options
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name, namespace: 'argocd', finalizers: ['resources-finalizer.argocd.argoproj.io'] },
    spec: {
      project: 'default',
      source: { repoURL: repository, targetRevision: revision, path },
      destination: { server: 'https://kubernetes.default.svc', namespace },
      syncPolicy: {
        ...(automated ? { automated: { prune: true, selfHeal: true } } : {}),
        syncOptions: ['CreateNamespace=true', 'ServerSideApply=true'],
      },
    },
  }
}
