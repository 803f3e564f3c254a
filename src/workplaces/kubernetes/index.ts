/**
 * Jobs of a cluster as the place where orders are carried out. A Job is named after its order, so that it never runs
 * twice at a time, and whoever asks for the same finds the run that is under way, or its end.
 */
import { randomBytes } from 'node:crypto'
import { isConflict, isNotFound, type KubernetesObject, nameOf } from '../../kubernetes-api/index.ts'
import { type ClusterSession, sessionOpener, told } from '../../kubernetes-api/session.ts'
import {
  type AwsAccess,
  type Digest,
  type KubernetesWorkplace,
  refusedError,
  TrunklineError,
} from '../../model/index.ts'
import type { Assignment, AssignmentContext, RunEnd, Workplace } from '../workplace.ts'
import { examineNamespace } from './examine.ts'
import { followJob } from './follow.ts'
import { endOf } from './how-it-ended.ts'
import { jobName, jobOf, runAnnotation, secretOf, selector } from './job.ts'
import { type Mirrors, openMirrors } from './mirrors.ts'

export type KubernetesWorkplaceOptions = {
  place: KubernetesWorkplace
  project: string
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
  /** Of the project, where it says: clusters of EKS are in it. */
  aws?: AwsAccess | null
}

/** After a cancel: for taking back what was started. */
const takeBackMs = 15_000

export function createKubernetesWorkplace(options: KubernetesWorkplaceOptions): Workplace {
  const { place, project, root, variables, aws = null } = options
  const { namespace } = place
  const open = sessionOpener(place.access, { root, variables, aws })
  const closing = new AbortController()
  const jobsPath = `/apis/batch/v1/namespaces/${namespace}/jobs`
  let mirrors: Promise<Mirrors> | null = null

  const mirrorsOf = (session: ClusterSession): Promise<Mirrors> => {
    mirrors ??= openMirrors(session, { namespace, labelSelector: selector(project) }, closing.signal).catch((error) => {
      mirrors = null
      throw error
    })
    return mirrors
  }

  async function find(session: ClusterSession, order: Digest, signal: AbortSignal): Promise<KubernetesObject | null> {
    try {
      const path = `${jobsPath}/${jobName(order)}`
      return (await session.client.request({ method: 'GET', path, signal })) as KubernetesObject // Of that path.
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  async function create(session: ClusterSession, assignment: Assignment, signal: AbortSignal): Promise<Started> {
    const run = randomBytes(16).toString('hex')
    const body = jobOf(assignment, place, run)
    const job = await session.client
      .request({ method: 'POST', path: jobsPath, body, signal })
      .then((made) => made as KubernetesObject) // What was created.
      .catch(async (error: unknown) => {
        if (!isConflict(error)) throw error
        // Another controller was faster, or an answer was lost on the way.
        const standing = await find(session, assignment.order, signal)
        if (standing === null) throw error
        return standing
      })
    return { job, isOwn: job.metadata.annotations?.[runAnnotation] === run }
  }

  /** Its pod waits for it; whoever made the Job may have died before. */
  async function giveVariables(
    session: ClusterSession,
    assignment: Assignment,
    job: KubernetesObject,
    signal: AbortSignal,
  ): Promise<void> {
    const body = secretOf(assignment, job)
    if (body === null || endOf(job) !== null) return
    const path = `/api/v1/namespaces/${namespace}/secrets`
    await session.client.request({ method: 'POST', path, body, signal }).catch((error: unknown) => {
      if (!isConflict(error)) throw error
    })
  }

  /** One that is being deleted is waited for: its name is taken. */
  async function start(session: ClusterSession, assignment: Assignment, signal: AbortSignal): Promise<Started> {
    const seen = await mirrorsOf(session)
    for (;;) {
      const standing = await find(session, assignment.order, signal)
      if (standing === null) return await create(session, assignment, signal)
      if (standing.metadata.deletionTimestamp === undefined) return { job: standing, isOwn: false }
      await seen.change(500, signal)
    }
  }

  async function remove(session: ClusterSession, order: Digest, signal: AbortSignal): Promise<void> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' }
    await session.client
      .request({ method: 'DELETE', path: `${jobsPath}/${jobName(order)}`, body, signal })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  async function carryOut(
    session: ClusterSession,
    assignment: Assignment,
    { signal, log }: AssignmentContext,
  ): Promise<RunEnd> {
    const { order, title } = assignment
    try {
      const { job, isOwn } = await start(session, assignment, signal)
      await giveVariables(session, assignment, job, signal)
      log(isOwn ? `runs as ${nameOf(job)}` : `${nameOf(job)} does it already: joined`)
      const followed = { session, mirrors: await mirrorsOf(session), job, title, log, signal }
      const fault = await followJob({ ...followed, startTimeoutMs: place.startTimeoutMs })
      return { run: job.metadata.annotations?.[runAnnotation] ?? '', fault }
    } catch (error) {
      // It would go on for nobody. Where the cluster is away it stays, and whoever tries again joins it.
      if (signal.aborted || isHopeless(error))
        await remove(session, order, AbortSignal.timeout(takeBackMs)).catch(() => {})
      throw error
    }
  }

  return {
    location: `Jobs in ${namespace}${place.access.context === null ? '' : ` of ${place.access.context}`}`,
    platform: place.platform,
    async run(assignment, context) {
      const session = await open(context.signal)
      return await toldHere(session, () => carryOut(session, assignment, context))
    },
    async examine(sample, signal) {
      const session = await open(signal)
      return await toldHere(session, () => examineNamespace(session, place, sample, signal))
    },
    async forget(order, signal) {
      const session = await open(signal)
      await toldHere(session, () => remove(session, order, signal))
    },
    async close() {
      closing.abort()
      await open.close()
    },
  }
}

/** Other rights than those of a target. */
async function toldHere<Result>(session: ClusterSession, work: () => Promise<Result>): Promise<Result> {
  try {
    return await told(session, work)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.code !== 'FORBIDDEN') throw error
    const hint = 'docs/building-elsewhere.md lists the rights that builds in Jobs need'
    throw refusedError('FORBIDDEN', error.message, { hint, cause: error })
  }
}

const isHopeless = (error: unknown): boolean => error instanceof TrunklineError && error.code === 'WORK_CANNOT_START'

type Started = { job: KubernetesObject /** Made just now, by us. */; isOwn: boolean }
