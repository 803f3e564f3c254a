/** Waits until Argo CD or Flux has brought a commit to its cluster, and says how that went. */

import { asTrunklineError, isNotFound } from '../../../kubernetes-api/index.ts'
import type { OpenSession } from '../../../kubernetes-api/session.ts'
import { erroredError, type GitOpsFollower, reason, short, type Verdict } from '../../../model/index.ts'
import type { Clock } from '../../../ports/index.ts'
import {
  revisionsOf as applicationRevisions,
  type ExpectedImage,
  judgeApplication,
  stateOfApplication,
} from './argocd.ts'
import { revisionsOf as fluxRevisions, judgeFlux, stateOfFlux } from './flux.ts'
import { type FollowedState, type Following, fields, type ObjectStatus, textOf } from './state.ts'
import { unhealthyWorkloads } from './unhealthy-workloads.ts'

export type FollowRequest = {
  /** Of the `Application`, `Kustomization` or `HelmRelease`, with names filled in. */
  name: string
  namespace: string
  commit: string
  /** What shall run then; null: whatever it is. */
  image: ExpectedImage | null
  /** Whether a revision that the cluster speaks of has the commit in it. */
  contains(revision: string): Promise<boolean>
  signal: AbortSignal
  log(line: string): void
}

export type Follower = {
  /** Failed where the commit arrived and is not well; errored (`NOT_FOLLOWED`) where it never arrived. */
  wait(request: FollowRequest): Promise<Verdict>
  /** null: there is no such object. */
  observe(name: string, namespace: string, signal: AbortSignal): Promise<FollowedState | null>
}

export type FollowerOptions = { config: GitOpsFollower; session: OpenSession; clock: Clock }

const lookEveryMs = 1000
/** By itself Argo CD looks every three minutes. */
const nudgeEveryMs = 30_000
/** An Application may be made by the very commit. */
const missingPatienceMs = 60_000

export function openFollower({ config, session, clock }: FollowerOptions): Follower {
  const kind = config.kind === 'argocd' ? argocd : flux

  const read = async (name: string, namespace: string, signal: AbortSignal): Promise<Found | null> => {
    const { client, name: cluster } = await session(signal)
    for (const collection of kind.collections) {
      const path = `/apis/${collection}`.replace('{namespace}', encodeURIComponent(namespace))
      try {
        const object = await client.request({ method: 'GET', path: `${path}/${encodeURIComponent(name)}`, signal })
        return { path: `${path}/${encodeURIComponent(name)}`, object: object as ObjectStatus } // every part is checked when read
      } catch (error) {
        if (!isNotFound(error)) throw asTrunklineError(error, cluster)
      }
    }
    return null
  }

  /** So that it does not wait for its own turn. Who may only read waits that long. */
  const nudge = async ({ path, object }: Found, signal: AbortSignal, log: (line: string) => void) => {
    const { client } = await session(signal)
    for (const { path: place, annotations } of kind.nudges(path, object, clock.now())) {
      await client
        .request({
          method: 'PATCH',
          path: place,
          body: { metadata: { annotations } },
          contentType: 'application/merge-patch+json',
          signal,
        })
        .catch((error: unknown) => {
          if (signal.aborted) throw signal.reason
          log(`${kind.people} cannot be told to look now: ${error instanceof Error ? error.message : String(error)}`)
        })
    }
  }

  return {
    async wait(request) {
      const { name, namespace, signal, log } = request
      const startedMs = clock.monotonicMs()
      const deadlineMs = startedMs + config.timeoutMs
      let nudgedMs = Number.NEGATIVE_INFINITY
      let failingSinceMs: number | null = null
      let last = ''
      let firstLook: string | null = null
      for (;;) {
        const nowMs = clock.monotonicMs()
        const found = await read(name, namespace, signal)
        if (found === null) {
          if (nowMs - startedMs >= Math.min(missingPatienceMs, config.timeoutMs)) throw missing(kind, name, namespace)
        } else {
          const state = await kind.judge(found.object, request)
          if (state.kind === 'done') return { ok: true }
          if (state.kind === 'failing') {
            failingSinceMs ??= nowMs
            const [first] = state.reasons
            if (first !== undefined && first.message !== last) log(first.message)
            last = first?.message ?? last
            const lookedAt = textOf(fields(found.object.status)['reconciledAt'])
            firstLook ??= lookedAt
            // What stood there before our commit has to be found again.
            const isFresh = state.hasArrived !== false || lookedAt !== firstLook
            if (isFresh && nowMs - failingSinceMs >= state.afterMs) return await failed(state, found)
          } else {
            failingSinceMs = null
            if (state.what !== last) log(`${kind.people}: ${state.what}`)
            last = state.what
          }
          if (nowMs >= deadlineMs) return await late(state, found, request)
          const hasArrived = state.kind === 'failing' ? state.hasArrived !== false : state.hasArrived
          if (!hasArrived && nowMs - nudgedMs >= nudgeEveryMs) {
            nudgedMs = nowMs
            await nudge(found, signal, log)
          }
        }
        await clock.sleep(lookEveryMs, signal)
      }
    },

    async observe(name, namespace, signal) {
      const found = await read(name, namespace, signal)
      return found === null ? null : kind.state(found.object)
    },
  }

  async function failed(state: Following & { kind: 'failing' }, { object }: Found): Promise<Verdict> {
    const more = kind === argocd ? await unhealthyWorkloads(session, object) : []
    return { ok: false, reasons: state.reasons, logTail: [...state.logTail, ...more] }
  }

  /** Out of time. */
  async function late(state: Following, found: Found, { name, commit }: FollowRequest): Promise<Verdict> {
    if (state.kind === 'failing') return await failed(state, found)
    const { says } = kind.state(found.object)
    const within = `within ${Math.round(config.timeoutMs / 1000)} s`
    if (state.kind === 'waiting' && !state.hasArrived) {
      throw erroredError(
        'NOT_FOLLOWED',
        `${kind.people} did not bring ${short(commit)} to ${name} ${within}: ${state.what}`,
        {
          hint: `Does ${name} follow this branch, and does it sync by itself?`,
        },
      )
    }
    const what = state.kind === 'waiting' ? state.what : says
    const why = reason('not-healthy-in-time', `${name} is not as it should be ${within}: ${kind.people} says ${what}`)
    const more = kind === argocd ? await unhealthyWorkloads(session, found.object) : []
    return { ok: false, reasons: [why], logTail: more }
  }
}

type Found = { path: string; object: ObjectStatus }

type FollowedKind = {
  /** For people. */
  people: string
  what: string
  collections: readonly string[]
  judge(object: ObjectStatus, request: FollowRequest): Promise<Following>
  state(object: ObjectStatus): FollowedState
  nudges(
    path: string,
    object: ObjectStatus,
    nowMs: number,
  ): Array<{ path: string; annotations: Record<string, string> }>
}

/** Asks git about each revision first: judging is pure. */
const judging =
  (
    revisionsOf: (object: ObjectStatus) => string[],
    judge: (object: ObjectStatus, contains: (revision: string) => boolean, image: ExpectedImage | null) => Following,
  ): FollowedKind['judge'] =>
  async (object, { contains, image }) => {
    const having = new Set<string>()
    for (const revision of revisionsOf(object)) if (await contains(revision)) having.add(revision)
    return judge(object, (revision) => having.has(revision), image)
  }

const argocd: FollowedKind = {
  people: 'Argo CD',
  what: 'Application',
  collections: ['argoproj.io/v1alpha1/namespaces/{namespace}/applications'],
  judge: judging(applicationRevisions, judgeApplication),
  state: stateOfApplication,
  nudges: (path) => [{ path, annotations: { 'argocd.argoproj.io/refresh': 'normal' } }],
}

const flux: FollowedKind = {
  people: 'Flux',
  what: 'Kustomization or HelmRelease',
  collections: [
    'kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations',
    'helm.toolkit.fluxcd.io/v2/namespaces/{namespace}/helmreleases',
  ],
  judge: judging(fluxRevisions, judgeFlux),
  state: stateOfFlux,
  nudges(path, { spec, metadata }, nowMs) {
    const annotations = { 'reconcile.fluxcd.io/requestedAt': new Date(nowMs).toISOString() }
    const source = fields(fields(spec)['sourceRef'])
    const isGit = textOf(source['kind']) === 'GitRepository'
    const namespace = textOf(source['namespace']) || metadata?.namespace || 'flux-system'
    const repository = `/apis/source.toolkit.fluxcd.io/v1/namespaces/${encodeURIComponent(namespace)}/gitrepositories/${encodeURIComponent(textOf(source['name']))}`
    return [...(isGit ? [{ path: repository, annotations }] : []), { path, annotations }]
  },
}

const missing = ({ what, people }: FollowedKind, name: string, namespace: string) =>
  erroredError('NOT_FOLLOWED', `there is no ${what} ${name} in namespace ${namespace}`, {
    hint: `What ${people} calls it, and where it is, goes into trunkline.yaml.`,
  })
