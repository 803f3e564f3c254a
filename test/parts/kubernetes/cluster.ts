/**
 * A real Kubernetes for a test: etcd, API server, controller manager and scheduler, and kwok which plays the nodes, so
 * that pods go through their states though no container runs. Everything is on loopback, its state is gone at the end.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type AccessDesk, createAccessDesk, type Place, writeKubeconfig } from './access.ts'
import { createApi, type KubernetesApi, type KubernetesObject } from './api.ts'
import { createCertificateAuthority, createTokenKey } from './certificates.ts'
import * as commands from './control-plane.ts'
import { createProcesses, HopelessError, type Processes, type RunningProcess, steadyPort, until } from './processes.ts'
import { partFolder } from './programs.ts'

export { until } from './processes.ts'
export { kubernetesMissing } from './programs.ts'

const execute = promisify(execFile)

export type NodeOptions = {
  labels?: Record<string, string>
  taints?: ReadonlyArray<{ key: string; value?: string; effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }>
  /** Default 32 CPUs, 256Gi, 500 pods. */
  capacity?: Record<string, string>
}

export type Cluster = AccessDesk & {
  /** `https://127.0.0.1:<port>` */
  readonly server: string
  /** Path of the administrator's kubeconfig (group system:masters). */
  readonly kubeconfig: string
  /** A bearer token of the same group. */
  readonly token: string
  /** Path of the certificate that the server's is signed with. */
  readonly certificateAuthority: string
  /** A folder of this cluster, gone at its end. */
  readonly folder: string
  readonly api: KubernetesApi
  /** The control plane's own programs: etcd, kubectl, kwok and so on. */
  readonly programs: string
  /** More processes that end with the cluster. */
  readonly processes: Processes
  /** kubectl of the server's version as administrator; answers standard output, rejects with what it said. */
  kubectl(...args: string[]): Promise<string>
  /** Server-side apply by the administrator of objects, or of YAML as it is. */
  apply(...objects: ReadonlyArray<string | object>): Promise<void>
  /** A new namespace, whose default service account is there. */
  namespace(prefix?: string): Promise<string>
  addNode(name: string, options?: NodeOptions): Promise<void>
  /** Ends the API server by force; etcd and the controllers stay. */
  stopApiServer(): Promise<void>
  startApiServer(): Promise<void>
  restartApiServer(): Promise<void>
  /** It takes connections and answers nothing, until told otherwise. */
  hangApiServer(hanging: boolean): void
  stop(): Promise<void>
}

const here = import.meta.dirname
const firstNode = 'fake-0'
const folderPrefix = 'trunkline-kubernetes-'
const maxOutput = 64 * 1024 * 1024
const kubectlTimeoutMs = 120_000

export async function startCluster(environment: NodeJS.ProcessEnv = process.env): Promise<Cluster> {
  const programs = await partFolder('kubelab', environment)
  sweepFolders()
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`))
  const dropFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', dropFolder)
  // Short-lived and small: collecting garbage a quarter as often saves a tenth of its CPU time.
  const basics = { PATH: environment['PATH'] ?? '', HOME: folder, TMPDIR: folder, GOGC: '400' }
  const processes = createProcesses(join(folder, 'log'), basics)
  const stop = async () => {
    await processes.stop()
    process.removeListener('exit', dropFolder)
    dropFolder()
  }
  try {
    const plane = await preparePlane(programs, folder)
    const cluster = await startControlPlane(plane, processes, basics)
    return {
      ...cluster,
      stop() {
        cluster.api.close()
        return stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A killed test takes its processes with it, but not its folder. */
function sweepFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, owner] = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name) ?? []
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

type PreparedPlane = commands.ControlPlane & { token: string }

async function preparePlane(programs: string, folder: string): Promise<PreparedPlane> {
  const keys = join(folder, 'keys')
  mkdirSync(keys)
  const [api, etcd, etcdPeer, kubelet] = [
    await steadyPort(),
    await steadyPort(),
    await steadyPort(),
    await steadyPort(),
  ]
  const authority = await createCertificateAuthority(keys)
  const names = ['IP:127.0.0.1', 'IP:10.96.0.1', 'DNS:localhost', 'DNS:kubernetes.default.svc']
  const [serving, frontProxy] = await Promise.all([
    authority.issue('apiserver', '/CN=kube-apiserver', names),
    authority.issue('front-proxy', '/CN=front-proxy-client'),
  ])
  const token = randomBytes(16).toString('hex')
  const tokenFile = join(keys, 'tokens.csv')
  writeFileSync(tokenFile, `${token},token-admin,token-admin,"system:masters"\n`, { mode: 0o600 })
  const tokenKey = createTokenKey(keys)
  const ports = { api, etcd, etcdPeer, kubelet }
  return { programs, folder, ports, authority, serving, frontProxy, tokenKey, tokenFile, token }
}

async function startControlPlane(
  plane: PreparedPlane,
  processes: Processes,
  basics: Record<string, string>,
): Promise<Omit<Cluster, 'stop'>> {
  const { programs, folder, authority, tokenKey, token } = plane
  const server = `https://127.0.0.1:${plane.ports.api}`
  const place: Place = { folder: join(folder, 'keys'), server, authority, tokenKey }
  const api = createApi(server, authority.certificateFile, token)
  processes.start('etcd', commands.etcdArgv(plane))
  let apiServer = processes.start('kube-apiserver', commands.apiServerArgv(plane))

  const userOf = async (name: string, subject: string) =>
    writeKubeconfig(place, name, { certificate: await authority.issue(name, subject) })
  const kubeconfig = await userOf('admin', '/O=system:masters/CN=admin')
  const controllerManager = await userOf('controller-manager', '/CN=system:kube-controller-manager')
  const scheduler = await userOf('scheduler', '/CN=system:kube-scheduler')
  await serverReady(api, apiServer)

  processes.start('kube-controller-manager', commands.controllerManagerArgv(plane, controllerManager))
  processes.start('kube-scheduler', commands.schedulerArgv(plane, scheduler))
  const stages = ['stages.yaml', 'pods.yaml'].map((file) => join(here, 'kwok', file))
  processes.start('kwok', commands.kwokArgv(plane, kubeconfig, stages))
  startLogServer(plane, server, processes)

  const kubectl = kubectlOf(join(programs, 'kubectl'), { ...basics, KUBECONFIG: kubeconfig })
  const cluster: Omit<Cluster, 'stop'> = {
    ...createAccessDesk(place, api),
    ...{ server, kubeconfig, token, folder, api, programs, processes, kubectl },
    certificateAuthority: authority.certificateFile,
    apply: (...objects) => applyObjects(kubectl, folder, objects),
    namespace: (prefix) => makeNamespace(api, prefix),
    addNode: (name, options) => addNode(api, name, options),
    stopApiServer: () => apiServer.end('SIGKILL'),
    async startApiServer() {
      apiServer = processes.start('kube-apiserver', commands.apiServerArgv(plane))
      await serverReady(api, apiServer)
    },
    async restartApiServer() {
      await cluster.stopApiServer()
      await cluster.startApiServer()
    },
    hangApiServer: (hanging) => apiServer.signal(hanging ? 'SIGSTOP' : 'SIGCONT'),
  }
  await Promise.all([addNode(api, firstNode), defaultAccount(api, 'default')])
  processes.check()
  return cluster
}

/** A process of its own: a test that waits for a command without giving way to others still gets its logs. */
function startLogServer(plane: PreparedPlane, server: string, processes: Processes): void {
  const { ports, serving, authority, token } = plane
  const options = { server, token, certificateAuthority: authority.certificateFile, port: ports.kubelet, ...serving }
  processes.start('log-server', [process.execPath, join(here, 'log-server.ts'), JSON.stringify(options)])
}

async function serverReady(api: KubernetesApi, apiServer: RunningProcess): Promise<void> {
  await until('the API server ready', async () => {
    if (!apiServer.isRunning()) throw new HopelessError(`kube-apiserver has ended:\n${apiServer.log()}`)
    return (await api.request('GET', '/readyz')).status === 200
  })
}

function kubectlOf(program: string, env: Record<string, string>): Cluster['kubectl'] {
  return async (...args) => {
    const { stdout } = await execute(program, args, { env, maxBuffer: maxOutput, timeout: kubectlTimeoutMs })
    return stdout
  }
}

let files = 0

async function applyObjects(
  kubectl: Cluster['kubectl'],
  folder: string,
  objects: ReadonlyArray<string | object>,
): Promise<void> {
  const file = join(folder, `apply-${++files}.yaml`)
  writeFileSync(file, objects.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join('\n---\n'))
  await kubectl('apply', '--server-side', '--force-conflicts', '--filename', file)
}

async function makeNamespace(api: KubernetesApi, prefix = 'test'): Promise<string> {
  const metadata = { generateName: `${prefix}-` }
  const { name } = (await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })).metadata
  await defaultAccount(api, name)
  return name
}

/** Pods are refused until it is there. */
async function defaultAccount(api: KubernetesApi, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`
  await until(`the default service account of ${namespace} there`, () => api.get(path))
}

async function addNode(api: KubernetesApi, name: string, options: NodeOptions = {}): Promise<void> {
  const { labels = {}, taints = [], capacity = { cpu: '32', memory: '256Gi', pods: '500' } } = options
  const system = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' }
  await api.create('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...system, ...labels }, annotations: { 'kwok.x-k8s.io/node': 'fake' } },
    spec: { taints },
    status: { allocatable: capacity, capacity },
  })
  await until(`the node ${name} ready`, async () => isReady(await api.get(`/api/v1/nodes/${name}`)))
}

/** A new node keeps its not-ready taint until the controller manager has seen it ready. */
function isReady(node: KubernetesObject | null): boolean {
  const conditions: Array<{ type: string; status: string }> = node?.['status']?.conditions ?? []
  const taints: Array<{ key: string }> = node?.['spec']?.taints ?? []
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  return ready && !taints.some(({ key }) => key.startsWith('node.kubernetes.io/'))
}
