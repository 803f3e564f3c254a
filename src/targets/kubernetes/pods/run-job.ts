/**
 * Hooks and tasks as Kubernetes Jobs in the release's own image. A Job is named after its key: the same key never starts
 * twice, and how it ended can be asked for a week. Its variables are in a Secret that goes with it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { conditionsOf, isConflict, type KubernetesObject } from '../../../kubernetes-api/index.ts'
import { readPodLog } from '../../../kubernetes-api/pod-log.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { erroredError, refusedError } from '../../../model/index.ts'
import type { Job, JobOutcome, TargetContext } from '../../../ports/index.ts'
import { explain } from '../health/explain.ts'
import { fieldManager, fitting, labels, type Place } from '../names.ts'
import { ensureNamespace } from '../rollout/namespace.ts'

export type JobRun = {
  session: ClusterSession
  place: Place
  job: Job
  /** Reference that the cluster pulls. */
  image: string
  serviceAccount: string | null
  createNamespace: boolean
  context: Pick<TargetContext, 'signal' | 'log'>
}

const keyLabel = 'trunkline.dev/job-key'
const jobKind = { apiVersion: 'batch/v1', kind: 'Job' }
const podKind = { apiVersion: 'v1', kind: 'Pod' }
const rememberSeconds = 7 * 24 * 3600
const tailLines = 50
const lookEveryMs = 500
/** After the end of a Job: for the last of its output. */
const lastWordsMs = 5000
/** A pod that cannot start does not get better by waiting for the whole time-out. */
const believeMs = 15_000

export async function runJob(run: JobRun): Promise<JobOutcome> {
  const { session, place, job, context } = run
  const known = await findJob(session, place.namespace, job.key, context.signal)
  if (known !== null && endOf(known) !== null) return await outcomeOf(session, known, context.signal)
  const started = known ?? (await startJob(run))
  return await follow(run, started)
}

/** `namespace`: null where it may be in any. */
export async function jobOutcome(
  session: ClusterSession,
  namespace: string | null,
  key: string,
  signal: AbortSignal,
): Promise<JobOutcome> {
  const known = await findJob(session, namespace, key, signal)
  if (known === null) return { kind: 'never-started' }
  return endOf(known) === null ? { kind: 'running' } : await outcomeOf(session, known, signal)
}

const shortKey = (key: string): string => key.replace(/[^A-Za-z0-9]/g, '').slice(0, 63)

async function findJob(
  session: ClusterSession,
  namespace: string | null,
  key: string,
  signal: AbortSignal,
): Promise<KubernetesObject | null> {
  const resource = await session.resources.find(jobKind, signal)
  const { items } = await session.list(
    resource,
    { ...(namespace === null ? {} : { namespace }), labelSelector: `${keyLabel}=${shortKey(key)}` },
    signal,
  )
  return items[0] ?? null
}

async function startJob(run: JobRun): Promise<KubernetesObject> {
  const { session, place, job, context } = run
  const { signal } = context
  const missing = await ensureNamespace(session, place.namespace, run.createNamespace, signal)
  if (missing !== null)
    throw refusedError('NO_NAMESPACE', missing.message, missing.hint === undefined ? {} : { hint: missing.hint })
  const name = fitting(`${job.service}-${plain(job.name)}-${shortKey(job.key).slice(0, 12).toLowerCase()}`, 63)
  const own = {
    [labels.managedBy]: 'trunkline',
    [labels.project]: place.project,
    [labels.environment]: place.environment,
    [labels.service]: job.service,
    [keyLabel]: shortKey(job.key),
  }
  const query = { fieldManager }
  const create = async (plural: string, body: object) =>
    (await session.client.request({
      method: 'POST',
      path: `${plural === 'jobs' ? '/apis/batch/v1' : '/api/v1'}/namespaces/${place.namespace}/${plural}`,
      query,
      body,
      signal,
    })) as KubernetesObject // What was created.
  const metadata = { name, namespace: place.namespace, labels: own }
  const created = await create('jobs', { ...jobKind, metadata, spec: specOf(run, name, own) }).catch(
    async (error: unknown) => {
      if (!isConflict(error)) throw error
      // An answer that was lost on the way.
      const standing = await session.read(jobKind, name, place.namespace, signal)
      if (standing === null) throw error
      return standing
    },
  )
  // It goes with the Job, and its pod waits for it.
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid: created.metadata.uid }
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    immutable: true,
    metadata: { ...metadata, ownerReferences: [owner] },
    stringData: job.variables,
  }
  await create('secrets', secret).catch((error: unknown) => {
    if (!isConflict(error)) throw error
  })
  return created
}

const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '') || 'job'

function specOf({ job, image, serviceAccount }: JobRun, name: string, own: Record<string, string>) {
  return {
    backoffLimit: 0,
    activeDeadlineSeconds: Math.ceil(job.timeoutMs / 1000),
    ttlSecondsAfterFinished: rememberSeconds,
    template: {
      metadata: { labels: own },
      spec: {
        restartPolicy: 'Never',
        ...(serviceAccount === null ? {} : { serviceAccountName: serviceAccount }),
        containers: [
          {
            name: 'job',
            image,
            command: ['/bin/sh', '-c', job.run],
            envFrom: [{ secretRef: { name } }],
            securityContext: { allowPrivilegeEscalation: false },
          },
        ],
      },
    },
  }
}

type End = 'complete' | 'failed' | 'timed-out'

function endOf(job: KubernetesObject): End | null {
  for (const { type, status, reason } of conditionsOf(job)) {
    if (status !== 'True') continue
    if (type === 'Complete') return 'complete'
    if (type === 'Failed') return reason === 'DeadlineExceeded' ? 'timed-out' : 'failed'
  }
  return null
}

/** Its output as it comes, until it has ended. */
async function follow(run: JobRun, started: KubernetesObject): Promise<JobOutcome> {
  const { session, place, context } = run
  const ending = new AbortController()
  const talking = new AbortController()
  const output = stream(run, started, talking.signal).catch(() => {})
  let stuckSince: number | null = null
  try {
    for (;;) {
      context.signal.throwIfAborted()
      const now = await session.read(jobKind, started.metadata.name, place.namespace, context.signal)
      if (now === null) return { kind: 'unknown' }
      if (endOf(now) !== null) {
        await Promise.race([output, sleep(lastWordsMs, undefined, { signal: ending.signal }).catch(() => {})])
        return await outcomeOf(session, now, context.signal)
      }
      const { isFinal, reasons } = await explain(session, now, context.signal, { isLast: false })
      stuckSince = isFinal ? (stuckSince ?? performance.now()) : null
      if (stuckSince !== null && performance.now() - stuckSince > believeMs) {
        // Never began, and will not: nothing was done that someone must know of.
        await remove(session, now, context.signal)
        throw erroredError('JOB_CANNOT_START', reasons.map(({ message }) => message).join('; '), {
          ...(reasons[0]?.hint === undefined ? {} : { hint: reasons[0].hint }),
        })
      }
      await sleep(lookEveryMs, undefined, { signal: context.signal }).catch(() => {})
    }
  } finally {
    talking.abort()
    ending.abort()
  }
}

async function stream({ session, place, context }: JobRun, job: KubernetesObject, signal: AbortSignal): Promise<void> {
  const until = AbortSignal.any([signal, context.signal])
  for (;;) {
    until.throwIfAborted()
    const pod = await podOf(session, job, until)
    if (pod !== null && hasBegun(pod)) {
      const query = {
        namespace: place.namespace,
        pod: pod.metadata.name,
        container: 'job',
        lines: null,
        follow: true,
        signal: until,
      }
      for await (const { text } of readPodLog(session, query)) context.log(text)
      return
    }
    await sleep(lookEveryMs, undefined, { signal: until })
  }
}

const hasBegun = (pod: KubernetesObject): boolean => {
  const { phase } = (pod['status'] ?? {}) as { phase?: string } // Of a Pod.
  return phase === 'Running' || phase === 'Succeeded' || phase === 'Failed'
}

async function podOf(
  session: ClusterSession,
  job: KubernetesObject,
  signal: AbortSignal,
): Promise<KubernetesObject | null> {
  const resource = await session.resources.find(podKind, signal)
  const { namespace, labels: own } = job.metadata
  const labelSelector = `${keyLabel}=${own?.[keyLabel] ?? ''}`
  const { items } = await session.list(
    resource,
    { ...(namespace === undefined ? {} : { namespace }), labelSelector },
    signal,
  )
  return items.find(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid)) ?? null
}

async function outcomeOf(session: ClusterSession, job: KubernetesObject, signal: AbortSignal): Promise<JobOutcome> {
  const end = endOf(job)
  const pod = await podOf(session, job, signal)
  const logTail = pod === null ? [] : await tailOf(session, pod, signal)
  if (end === 'timed-out') return { kind: 'timed-out', logTail }
  return { kind: 'ended', exitCode: end === 'complete' ? 0 : exitCodeOf(pod), logTail }
}

/** Whatever ended it, it is not success. */
function exitCodeOf(pod: KubernetesObject | null): number {
  const status = pod?.['status'] as
    | { containerStatuses?: Array<{ state?: { terminated?: { exitCode?: number } } }> }
    | undefined // Of a Pod.
  return status?.containerStatuses?.[0]?.state?.terminated?.exitCode || 1
}

async function tailOf(session: ClusterSession, pod: KubernetesObject, signal: AbortSignal): Promise<string[]> {
  const { namespace = '', name } = pod.metadata
  const within = AbortSignal.any([signal, AbortSignal.timeout(lastWordsMs)])
  const lines: string[] = []
  try {
    const query = { namespace, pod: name, container: 'job', lines: tailLines, follow: false, signal: within }
    for await (const { text } of readPodLog(session, query)) lines.push(text)
  } catch {
    signal.throwIfAborted()
  }
  return lines.slice(-tailLines)
}

async function remove(session: ClusterSession, job: KubernetesObject, signal: AbortSignal): Promise<void> {
  await session.client.request({
    method: 'DELETE',
    path: await session.resources.pathOf(job, signal),
    body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
    signal,
  })
}
