/** The way back of a chart: to the revision that ran, or away where none did. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { erroredError } from '../../../model/index.ts'
import type { HelmCluster, HelmRelease } from './helm-request.ts'
import { deployedIn, helmHistory, helmObjects, isUnknown } from './history.ts'
import { helmVersion, runHelm } from './run-helm.ts'

/** For the hooks of a way back. */
const hookTimeoutMs = 5 * 60_000
const slackMs = 60_000
const timeout = ['--timeout', `${hookTimeoutMs / 1000}s`]

export type HelmWentBack = {
  /** null: nothing is installed. */
  revision: number | null
  /** To be watched until they are healthy. */
  objects: KubernetesObject[]
}

/**
 * To a revision that ran, in full; with null, to nothing. Where that is what stands there already, nothing is done: an
 * upgrade that failed before it changed anything leaves no revision.
 */
export async function helmGoBack(cluster: HelmCluster, release: HelmRelease, to: number | null): Promise<HelmWentBack> {
  const history = await helmHistory(cluster, release)
  const last = history.at(-1)
  if (last === undefined) return { revision: null, objects: [] }
  if (to === null) {
    await uninstall(cluster, release)
    return { revision: null, objects: [] }
  }
  const wanted = history.find(({ revision }) => revision === to) ?? deployedIn(history)
  if (wanted === null) {
    throw erroredError('HELM_REVISION_GONE', `helm no longer knows revision ${to} of ${release.name}`, {
      hint: 'HELM_MAX_HISTORY says how many it keeps',
    })
  }
  const stands = last.revision === wanted.revision && last.status === 'deployed'
  if (!stands) await rollBack(cluster, release, wanted.revision)
  const now = stands ? last : (await helmHistory(cluster, release)).at(-1)
  return { revision: now?.revision ?? null, objects: await helmObjects(cluster, release) }
}

export async function rollBack(cluster: HelmCluster, release: HelmRelease, revision: number): Promise<void> {
  const { major } = await helmVersion(cluster)
  const ended = await runHelm(cluster, release, {
    arguments: [
      ...['rollback', release.name, String(revision), '--cleanup-on-fail', ...timeout],
      // Whoever changed it meanwhile, what ran before shall run again.
      ...(major >= 4 ? ['--force-conflicts'] : []),
    ],
    timeoutMs: hookTimeoutMs + slackMs,
  })
  if (!ended.ok) throw erroredError('HELM_FAILED', `helm cannot roll ${release.name} back: ${ended.said}`)
}

/** Gone or never there: both are what was asked for. */
export async function uninstall(cluster: HelmCluster, release: HelmRelease): Promise<void> {
  const ended = await runHelm(cluster, release, {
    arguments: ['uninstall', release.name, ...timeout],
    timeoutMs: hookTimeoutMs + slackMs,
  })
  if (!ended.ok && !isUnknown(ended.said))
    throw erroredError('HELM_FAILED', `helm cannot uninstall ${release.name}: ${ended.said}`)
}
