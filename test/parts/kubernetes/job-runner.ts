/**
 * A node that means it, for Jobs: kwok plays pods without running anything, so this runs their containers. It takes the
 * image from its registry, unpacks it, and runs the pod's command in it with the pod's variables and volumes; what it
 * says is the pod's log as it says it, how it ends is how the pod ends, and who deletes the pod ends it. An image holds
 * files here and no system: programs that it has not are this machine's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import { unpackImage } from './job-image.ts'

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
  /** In the order in which they ended. */
  ran: RanJob[]
  /** Names of Jobs whose containers run now. */
  running(): string[]
  stop(): Promise<void>
}

type Container = {
  name: string
  image: string
  command: string[]
  env?: Array<{ name: string; value?: string }>
  envFrom?: Array<{ secretRef: { name: string } }>
  volumeMounts?: Array<{ name: string; mountPath: string }>
}

type Volume = { name: string; secret?: { secretName: string; items?: Array<{ key: string; path: string }> } }

type Pod = {
  metadata: {
    name: string
    namespace: string
    uid: string
    deletionTimestamp?: string
    ownerReferences?: Array<{ kind: string; name: string }>
  }
  spec: { containers: Container[]; volumes?: Volume[] }
  status: { phase?: string; containerStatuses?: Array<{ state?: { running?: { startedAt: string } } }> }
}

type Run = { job: string; child: ChildProcess | null; isWanted: boolean; over: Promise<void> }

const pollMs = 200
const timeoutMs = 180_000
/** Between being told to stop and being stopped. */
const graceMs = 10_000
/** How long the API server may be away. */
const patienceMs = 60_000
const maxLogCharacters = 100_000

export async function startJobRunner(cluster: Cluster): Promise<JobRunner> {
  await holdJobs(cluster)
  const root = await mkdtemp(join(tmpdir(), 'trunkline-jobs-'))
  const ran: RanJob[] = []
  const runs = new Map<string, Run>()
  let isOver = false
  let problem: unknown = null

  async function look(): Promise<void> {
    const pods = (await cluster.api.list('/api/v1/pods')) as unknown as Pod[]
    const there = new Map(pods.map((pod) => [pod.metadata.uid, pod]))
    for (const [uid, run] of runs) {
      const pod = there.get(uid)
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) end(run)
    }
    for (const pod of pods) {
      const owner = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'Job')
      if (owner === undefined || pod.status.phase !== 'Running' || runs.has(pod.metadata.uid)) continue
      if (pod.metadata.deletionTimestamp !== undefined) continue
      const run: Run = { job: owner.name, child: null, isWanted: true, over: Promise.resolve() }
      runs.set(pod.metadata.uid, run)
      run.over = play(pod, run).catch((error: unknown) => {
        if (run.isWanted) problem ??= error
      })
    }
  }

  async function play(pod: Pod, run: Run): Promise<void> {
    const [container] = pod.spec.containers
    if (container === undefined) return
    const { namespace, name, uid } = pod.metadata
    const folder = join(root, uid)
    const { workdir, env } = await unpackImage(container.image, folder)
    const mounts = await mountVolumes(cluster, pod, join(root, `${uid}-volumes`))
    const given = withMounts(await variablesOf(cluster, namespace, container), mounts)
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    if (!run.isWanted) return
    const child = spawn(container.command[0] ?? '', container.command.slice(1), {
      cwd: join(folder, workdir),
      env: { ...env, ...given, PATH: searchPath(env['PATH'], folder) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    })
    run.child = child
    const { exitCode, said } = await listen(child, (log) => writeLog(cluster, path, log))
    run.child = null
    ran.push({ namespace, job: run.job, image: container.image, command: container.command, exitCode, said })
    if (run.isWanted) await endPod(cluster, pod, path, exitCode)
  }

  const looking = (async () => {
    let heardAt = Date.now()
    while (!isOver) {
      try {
        await look()
        heardAt = Date.now()
      } catch (error) {
        // As a kubelet, it outlives an API server that is away for a while.
        if (Date.now() - heardAt > patienceMs) throw error
      }
      await sleep(pollMs)
    }
  })().catch((error: unknown) => {
    problem ??= error
  })
  return {
    ran,
    running: () => [...runs.values()].filter(({ child }) => child !== null).map(({ job }) => job),
    async stop() {
      isOver = true
      await looking
      for (const run of runs.values()) end(run)
      await Promise.all([...runs.values()].map(({ over }) => over))
      await rm(root, { recursive: true, force: true })
      if (problem !== null) throw problem
    },
  }
}

/** As a kubelet ends a container whose pod is deleted. */
function end(run: Run): void {
  if (!run.isWanted) return
  run.isWanted = false
  const { child } = run
  if (child === null) return
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
  child.once('exit', () => clearTimeout(kill))
}

async function endPod(cluster: Cluster, pod: Pod, path: string, exitCode: number): Promise<void> {
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
  // Someone may have deleted it, or ended it by hand.
  if (answer.status !== 200 && answer.status !== 404) throw new Error(`an end was not taken: ${answer.text}`)
}

/** Its log as `kubectl logs` shows it. */
async function writeLog(cluster: Cluster, path: string, log: string): Promise<void> {
  const annotations = { 'trunkline.test/log': log.slice(-maxLogCharacters), 'trunkline.test/log-interval': null }
  const answer = await cluster.api.request('PATCH', path, { metadata: { annotations } }, 'application/merge-patch+json')
  if (answer.status !== 200 && answer.status !== 404) throw new Error(`a log was not taken: ${answer.text}`)
}

/** What it says is written as it comes, one write at a time; all of it before its end is told. */
async function listen(
  child: ChildProcess,
  write: (log: string) => Promise<void>,
): Promise<{ exitCode: number; said: string }> {
  let said = ''
  let written = ''
  let writing: Promise<void> = Promise.resolve()
  const keepUp = () => {
    writing = writing.then(async () => {
      if (said === written) return
      const whole = said
      written = whole
      await write(whole.trimEnd())
    })
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      keepUp()
    })
  }
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      said += error.message
      resolve(128)
    })
    child.once('close', (code) => resolve(code ?? 137))
  })
  keepUp()
  await writing
  return { exitCode, said: said.trim() }
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

/** Folders for the volumes of a pod, by where its container has them. */
async function mountVolumes(cluster: Cluster, { metadata, spec }: Pod, root: string): Promise<Map<string, string>> {
  const mounts = new Map<string, string>()
  for (const { name, mountPath } of spec.containers[0]?.volumeMounts ?? []) {
    const folder = join(root, name)
    await mkdir(folder, { recursive: true })
    mounts.set(mountPath, folder)
    const secret = spec.volumes?.find((volume) => volume.name === name)?.secret
    if (secret === undefined) continue
    const values = await secretValues(cluster, metadata.namespace, secret.secretName)
    const items = secret.items ?? Object.keys(values).map((key) => ({ key, path: key }))
    for (const { key, path } of items) await writeFile(join(folder, path), values[key] ?? '')
  }
  return mounts
}

/** A container has volumes where its variables say; here they are elsewhere. */
const withMounts = (variables: Record<string, string>, mounts: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).map(([name, value]) => {
      const mount = [...mounts].find(([path]) => value === path || value.startsWith(`${path}/`))
      return [name, mount === undefined ? value : `${mount[1]}${value.slice(mount[0].length)}`]
    }),
  )

async function secretValues(cluster: Cluster, namespace: string, name: string): Promise<Record<string, string>> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const secret = (await cluster.api.get(path)) as { data?: Record<string, string> } | null
    if (secret !== null) {
      const decoded = Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString('utf8'),
      ])
      return Object.fromEntries(decoded)
    }
    // A pod waits for it; what is made right after its Job comes a moment later.
    if (Date.now() > deadline) throw new Error(`there is no Secret ${name}`)
    await sleep(pollMs)
  }
}

async function variablesOf(
  cluster: Cluster,
  namespace: string,
  { envFrom = [], env = [] }: Container,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {}
  for (const { secretRef } of envFrom) Object.assign(variables, await secretValues(cluster, namespace, secretRef.name))
  for (const { name, value } of env) variables[name] = value ?? ''
  return variables
}

/** Programs of the image first, then those of this machine. */
const searchPath = (ofImage: string | undefined, folder: string): string =>
  [
    ...(ofImage ?? '').split(delimiter).flatMap((path) => (path === '' ? [] : [join(folder, path)])),
    dirname(process.execPath),
    process.env['PATH'] ?? '',
  ].join(delimiter)
