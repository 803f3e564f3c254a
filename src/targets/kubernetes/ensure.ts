/** One service to one generation on every cluster of an environment; where a later one fails, those before it go back. */

import { type ClusterSession, told } from '../../kubernetes-api/session.ts'
import { type Digest, fillIn, passed, type ServiceName, usageError, type Verdict } from '../../model/index.ts'
import type { ArtifactStore, RolloutRequest, TargetContext } from '../../ports/index.ts'
import { judged } from '../judged.ts'
import type { Clusters } from './clusters.ts'
import { fingerprintKey, fingerprintWith } from './fingerprint-key.ts'
import { helmDescriptionOf, helmInstaller, helmVariables, type UpgradeOptions } from './helm/index.ts'
import { type Generation, type Inventory, readInventory } from './inventory.ts'
import type { Place } from './names.ts'
import { render } from './render/render.ts'
import type { RenderRequest } from './render/render-request.ts'
import type { Installer } from './rollout/installer.ts'
import { ensureNamespace, namespaceTerminating } from './rollout/namespace.ts'
import { rollOut, takeAway } from './rollout/roll-out.ts'
import { asVerdict } from './rollout/verdict.ts'
import { rollOutBy } from './staged/index.ts'

export async function ensureEverywhere(
  clusters: Clusters,
  request: RolloutRequest,
  context: TargetContext,
): Promise<Verdict> {
  const { service } = request
  const place = clusters.placeOf(service)
  const key = await clusters.inFirst(context.signal, (session) => keyFor(clusters, session, place, context.signal))
  if (!Buffer.isBuffer(key)) return key
  const done: Done[] = []
  for (const open of clusters.openers) {
    const session = await open(context.signal)
    const before = await told(session, () => readInventory(session, place, service, context.signal))
    const verdict = await judged(() =>
      told(session, () => ensureOn(clusters, session, request, context, { key, inventory: before })),
    )
    if (verdict.ok) {
      done.push({ session, before })
      continue
    }
    if (done.length > 0) context.log(`${session.name} failed: the clusters before it go back`)
    for (const earlier of done.reverse()) await takeBack(clusters, earlier, service, context)
    return verdict
  }
  return passed
}

type Done = { session: ClusterSession; before: Inventory }

async function takeBack(
  clusters: Clusters,
  { session, before: { settled } }: Done,
  service: ServiceName,
  context: TargetContext,
): Promise<void> {
  const place = clusters.placeOf(service)
  const basics = rolloutBasics(clusters, session, service, context)
  await told(session, () =>
    settled === null
      ? takeAway(basics)
      : rollOut({
          ...basics,
          ...restoring(clusters, session, place, context, settled),
          ...{ wanted: settled, createNamespace: false, conflicts: 'force' },
        }),
  )
}

async function ensureOn(
  clusters: Clusters,
  session: ClusterSession,
  request: RolloutRequest,
  context: TargetContext,
  { key, inventory }: { key: Buffer; inventory: Inventory },
): Promise<Verdict> {
  const { service, desired } = request
  const { config } = clusters.options
  const place = clusters.placeOf(service)
  const asked: RenderRequest = {
    ...renderRequestOf(clusters, request, await request.files(), context.signal),
    imageOf: imageIn(clusters, context.artifacts),
    fingerprintKey: key,
  }
  const isRepair = request.isRepair ?? false
  const isInstalled = helmDescriptionOf(asked) !== null
  const objects = isInstalled ? helmVariables(asked) : (await render(asked)).objects
  const wantedChart = isInstalled ? { request: asked, isRepair, takesOver: isApplied(inventory) } : null
  const fingerprint = fingerprintWith(key, request.variables)
  return await rollOutBy({
    ...{ session, place, service, context, isInstalled, inventory },
    installer: installerFor(clusters, session, place, context, wantedChart),
    strategy: request.strategy,
    url: clusters.urlOf(service),
    wanted: { generation: desired.generation, artifact: desired.artifact, fingerprint, objects },
    createNamespace: config.createNamespace,
    conflicts: isRepair ? 'force' : config.conflicts,
    timeoutMs: config.timeoutMs,
  })
}

/** All that rendering is told, but for what only an effect needs. */
export function renderRequestOf(
  { options: { config, project, environment, variables }, placeOf }: Clusters,
  { service, desired, strategy, variables: values }: RolloutRequest,
  files: RenderRequest['files'],
  signal: AbortSignal,
): Omit<RenderRequest, 'imageOf' | 'fingerprintKey'> {
  return {
    ...{ project, environment, service, config, desired, strategy, files, signal },
    namespace: placeOf(service).namespace,
    variables: values,
    environmentVariables: variables,
  }
}

export const imageIn =
  ({ options: { config } }: Clusters, artifacts: ArtifactStore) =>
  (digest: Digest, service: ServiceName): string => {
    const reference = artifacts.imageReference(digest, service)
    if (reference === null) {
      throw usageError('NO_REGISTRY', `artifacts are kept at ${artifacts.location}, which no cluster can pull from`, {
        hint: 'for example `artifacts: oci://registry.example/shop` in trunkline.yaml',
      })
    }
    return config.pullFrom === null ? reference : `${fillIn(config.pullFrom, { service })}@${digest}`
  }

/** What every rollout of a service on a cluster is told. */
export function rolloutBasics(
  clusters: Clusters,
  session: ClusterSession,
  service: ServiceName,
  context: TargetContext,
) {
  const place = clusters.placeOf(service)
  const installer = installerFor(clusters, session, place, context, null)
  return { session, place, service, context, installer, timeoutMs: clusters.options.config.timeoutMs }
}

/** Charts of a service: the wanted one, or what is there already. */
function installerFor(
  { options: { root, variables } }: Clusters,
  session: ClusterSession,
  { namespace }: Place,
  { signal }: Pick<TargetContext, 'signal'>,
  chart: (UpgradeOptions & { request: RenderRequest }) | null,
): Installer {
  const { access, programAccess } = session
  const cluster = { access, programAccess, root, environmentVariables: variables, signal }
  const wanted = chart === null ? null : { ...chart, request: { ...chart.request, ...cluster } }
  return helmInstaller({ session, cluster, namespace, wanted })
}

/** What an installer had brought comes back by it. */
function restoring(
  clusters: Clusters,
  session: ClusterSession,
  place: Place,
  context: TargetContext,
  { installed }: Generation,
) {
  if (installed === undefined) return {}
  const installer = installerFor(clusters, session, place, context, null)
  const install = async () => ({ ok: true as const, installed: await installer.restore(installed) })
  return { isInstalled: true, installer: { ...installer, install } }
}

/** The key, or why there cannot be one. */
async function keyFor(
  { options: { config } }: Clusters,
  session: ClusterSession,
  place: Place,
  signal: AbortSignal,
): Promise<Buffer | (Verdict & { ok: false })> {
  const missing = await ensureNamespace(session, place.namespace, config.createNamespace, signal)
  if (missing !== null) return asVerdict({ reasons: [missing], logTail: [] })
  const key = await fingerprintKey(session, place, signal)
  if (key === null) throw namespaceTerminating(place.namespace)
  return key
}

/** Whether Trunkline itself brought there what runs. */
const isApplied = ({ settled }: Inventory): boolean => settled !== null && settled.installed === undefined
