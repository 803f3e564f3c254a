/**
 * A node that means it, for Jobs: kwok plays pods without running anything, so this runs their containers. It takes the
 * image from its registry, unpacks it, and runs the pod's command in it with the pod's variables; how that ends is how
 * the pod ends. An image holds files here and no system: programs such as Node and the shell are this machine's.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Cluster } from './cluster.ts'

const execute = promisify(execFile)

/** A container that was run. */
export type RanJob = {
  namespace: string
  job: string
  image: string
  command: string[]
  exitCode: number
  said: string
}

export type JobRunner = {
  /** In the order in which they began. */
  ran: RanJob[]
  stop(): Promise<void>
}

type Pod = {
  metadata: { name: string; namespace: string; uid: string; ownerReferences?: Array<{ kind: string; name: string }> }
  spec: {
    containers: Array<{
      name: string
      image: string
      command: string[]
      envFrom?: Array<{ secretRef: { name: string } }>
    }>
  }
  status: { phase?: string; containerStatuses?: Array<{ state?: { running?: { startedAt: string } } }> }
}

const pollMs = 200
const timeoutMs = 120_000

export async function startJobRunner(cluster: Cluster): Promise<JobRunner> {
  await holdJobs(cluster)
  const root = await mkdtemp(join(tmpdir(), 'trunkline-jobs-'))
  const ran: RanJob[] = []
  const begun = new Set<string>()
  let isOver = false
  let problem: unknown = null

  async function look(): Promise<void> {
    const pods = (await cluster.api.list('/api/v1/pods')) as unknown as Pod[]
    for (const pod of pods) {
      const owner = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'Job')
      if (owner === undefined || pod.status.phase !== 'Running' || begun.has(pod.metadata.uid)) continue
      begun.add(pod.metadata.uid)
      await play(pod, owner.name)
    }
  }

  async function play(pod: Pod, job: string): Promise<void> {
    const [container] = pod.spec.containers
    if (container === undefined) return
    const { namespace, name } = pod.metadata
    const { image, command } = container
    const folder = join(root, pod.metadata.uid)
    const { workdir, env } = await unpack(image, folder)
    const variables = await variablesOf(cluster, namespace, container.envFrom ?? [])
    const { exitCode, said } = await runIn(join(folder, workdir), command, { ...env, ...variables })
    ran.push({ namespace, job, image, command, exitCode, said })
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    await cluster.api.patch(path, {
      metadata: { annotations: { 'trunkline.test/log': said, 'trunkline.test/log-interval': null } },
    })
    const [standing] = pod.status.containerStatuses ?? []
    const terminated = {
      ...{ exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', finishedAt: new Date().toISOString() },
      startedAt: standing?.state?.running?.startedAt,
    }
    const status = {
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      containerStatuses: [{ ...standing, ready: false, state: { terminated } }],
    }
    const answer = await cluster.api.request('PATCH', `${path}/status`, { status }, 'application/merge-patch+json')
    if (answer.status !== 200) throw new Error(`the end of ${job} was not taken: ${answer.text}`)
  }

  const looking = (async () => {
    while (!isOver) {
      await look()
      await sleep(pollMs)
    }
  })().catch((error: unknown) => {
    problem = error
  })
  return {
    ran,
    async stop() {
      isOver = true
      await looking
      await rm(root, { recursive: true, force: true })
      if (problem !== null) throw problem
    },
  }
}

/** Pods of Jobs run until they are ended from here, and say nothing before. */
async function holdJobs(cluster: Cluster): Promise<void> {
  const kinds = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'held-jobs' } }
  const rule = { apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] }
  const expression =
    'Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{' +
    'annotations: {"trunkline.test/duration": "1h", "trunkline.test/log-interval": "100m"}}}}}'
  await cluster.apply(
    {
      ...kinds,
      kind: 'MutatingAdmissionPolicy',
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: { resourceRules: [rule] },
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      },
    },
    { ...kinds, kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: 'held-jobs' } },
  )
  await isHeld(cluster)
}

/** The API server takes a moment to know a policy. */
async function isHeld(cluster: Cluster): Promise<void> {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'none', command: ['true'] }] } }
  const probe = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'probe' }, spec: { template } }
  for (let attempt = 0; attempt < 300; attempt++) {
    const path = '/apis/batch/v1/namespaces/default/jobs?dryRun=All'
    const created = await cluster.api.request('POST', path, probe, 'application/json')
    if (created.text.includes('trunkline.test/duration')) return
    await sleep(pollMs)
  }
  throw new Error('Jobs are not held')
}

/** Files of an image in a registry on this machine, and what its configuration says. */
async function unpack(image: string, folder: string): Promise<{ workdir: string; env: Record<string, string> }> {
  const [host = '', ...rest] = image.split('/')
  const [repository, digest] = rest.join('/').split('@')
  if (digest === undefined) throw new Error(`${image} is not named by digest`)
  const at = (kind: string, name: string) => `http://${host}/v2/${repository}/${kind}/${name}`
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = (await (await fetch(at('manifests', digest), { headers: { accept } })).json()) as {
    config: { digest: string }
    layers: Array<{ digest: string }>
  }
  const { config } = (await (await fetch(at('blobs', manifest.config.digest))).json()) as {
    config: { WorkingDir?: string; Env?: string[] }
  }
  await mkdir(folder, { recursive: true })
  for (const layer of manifest.layers) {
    const archive = join(folder, '.layer')
    await writeFile(archive, Buffer.from(await (await fetch(at('blobs', layer.digest))).arrayBuffer()))
    await execute('tar', ['--extract', '--file', archive, '--directory', folder])
    await rm(archive)
  }
  const env = (config.Env ?? []).map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])
  return { workdir: config.WorkingDir ?? '/', env: Object.fromEntries(env) as Record<string, string> }
}

async function variablesOf(
  cluster: Cluster,
  namespace: string,
  sources: ReadonlyArray<{ secretRef: { name: string } }>,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {}
  for (const { secretRef } of sources) {
    const path = `/api/v1/namespaces/${namespace}/secrets/${secretRef.name}`
    const secret = (await cluster.api.get(path)) as { data?: Record<string, string> } | null
    if (secret === null) throw new Error(`there is no Secret ${secretRef.name}: the pod would wait for it`)
    for (const [name, value] of Object.entries(secret.data ?? {})) {
      variables[name] = Buffer.from(value, 'base64').toString('utf8')
    }
  }
  return variables
}

function runIn(
  folder: string,
  [program = '', ...words]: readonly string[],
  variables: Record<string, string>,
): Promise<{ exitCode: number; said: string }> {
  const PATH = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
  return new Promise((resolve) => {
    execFile(
      program,
      words,
      { cwd: folder, env: { ...variables, PATH }, timeout: timeoutMs },
      (error, stdout, stderr) =>
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), said: (stdout + stderr).trim() }),
    )
  })
}
