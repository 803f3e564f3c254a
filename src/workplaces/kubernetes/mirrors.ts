/** Jobs and pods of a project's orders, kept up to date by two watches however many orders run. */
import { type KubernetesObject, type Mirror, openMirror, type Resource } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'

const jobs: Resource = { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs', isNamespaced: true, verbs: [] }
const pods: Resource = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', isNamespaced: true, verbs: [] }

export type Mirrors = {
  job(name: string): KubernetesObject | null
  /** The newest of a Job. */
  podOf(job: KubernetesObject): KubernetesObject | null
  /** After the next change, or after that time; throws where the cluster can be watched no longer. */
  change(atMostMs: number, signal: AbortSignal): Promise<void>
}

export async function openMirrors(
  session: ClusterSession,
  selection: { namespace: string; labelSelector: string },
  signal: AbortSignal,
): Promise<Mirrors> {
  const all = [jobs, pods].map((resource) => openMirror(session.client, resource, selection, signal))
  const [jobMirror, podMirror] = all as [Mirror, Mirror] // One for each of the two.
  await Promise.all(all.map(({ ready }) => ready))
  return {
    job: (name) => jobMirror.get(name, selection.namespace) ?? null,
    podOf({ metadata: { uid } }) {
      const own = [...podMirror.list()].filter(({ metadata }) =>
        metadata.ownerReferences?.some((owner) => owner.uid === uid),
      )
      const age = ({ metadata }: KubernetesObject) => metadata.creationTimestamp ?? ''
      return own.sort((left, right) => age(right).localeCompare(age(left)))[0] ?? null
    },
    async change(atMostMs, until) {
      until.throwIfAborted()
      for (const { fault } of all) if (fault !== null) throw fault
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = all.map((mirror) => mirror.onChange(() => resolve()))
      const timer = setTimeout(resolve, atMostMs)
      until.addEventListener('abort', () => resolve(), { once: true })
      await promise
      clearTimeout(timer)
      for (const end of stop) end()
      until.throwIfAborted()
    },
  }
}
