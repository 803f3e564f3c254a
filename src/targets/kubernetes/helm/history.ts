/** What helm knows of an installed chart. */
import * as z from 'zod'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { erroredError } from '../../../model/index.ts'
import { readManifests } from '../render/read-manifests.ts'
import type { HelmCluster, HelmRelease } from './helm-request.ts'
import { runHelm } from './run-helm.ts'

export type HelmRevision = {
  revision: number
  /** `deployed`, `superseded`, `failed`, `pending-upgrade`, … */
  status: string
  description: string
}

const askTimeoutMs = 60_000
/** Helm keeps ten by default. */
const mostRevisions = 256

const revisions = z.array(
  z.object({
    revision: z.number().int(),
    status: z.string(),
    description: z
      .string()
      .nullish()
      .transform((text) => text ?? ''),
  }),
)

/** Oldest first; empty where it was never installed. */
export async function helmHistory(cluster: HelmCluster, release: HelmRelease): Promise<HelmRevision[]> {
  const ended = await runHelm(cluster, release, {
    arguments: ['history', release.name, '--output', 'json', '--max', String(mostRevisions)],
    timeoutMs: askTimeoutMs,
  })
  if (ended.ok) return revisions.parse(JSON.parse(ended.output))
  if (isUnknown(ended.said)) return []
  throw erroredError('HELM_FAILED', `helm cannot tell the history of ${release.name}: ${ended.said}`)
}

export const isUnknown = (said: string): boolean => /release: not found/.test(said)

/** Objects of the installed manifest, hooks aside; empty where nothing is installed. */
export async function helmObjects(cluster: HelmCluster, release: HelmRelease): Promise<KubernetesObject[]> {
  const ended = await runHelm(cluster, release, {
    arguments: ['get', 'manifest', release.name],
    timeoutMs: askTimeoutMs,
  })
  if (ended.ok) return readManifests(ended.output, `helm get manifest ${release.name}`).map(({ object }) => object)
  if (isUnknown(ended.said)) return []
  throw erroredError('HELM_FAILED', `helm cannot tell what ${release.name} consists of: ${ended.said}`)
}

/** The newest revision that took. */
export const deployedIn = (history: readonly HelmRevision[]): HelmRevision | null =>
  history.findLast(({ status }) => status === 'deployed') ?? null

export const isPending = ({ status }: HelmRevision): boolean => status.startsWith('pending-')
