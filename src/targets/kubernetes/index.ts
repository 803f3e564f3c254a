/**
 * Kubernetes: services described by their own manifests, by Kustomize, by a Helm chart, or by how they run; images by
 * digest; applied by Trunkline itself and watched until healthy. Everything it must remember is in the cluster.
 */

import { keyOf } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import { isStaged, passed, reason, TrunklineError, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, Target, TargetContext } from '../../ports/index.ts'
import { standingOf } from './apply/standing.ts'
import { type Clusters, type KubernetesTargetOptions, openClusters } from './clusters.ts'
import { ensureEverywhere, imageIn, renderRequestOf, rolloutBasics } from './ensure.ts'
import { examineClusters } from './examine.ts'
import { fingerprintKey, fingerprintWith } from './fingerprint-key.ts'
import { isStill } from './health/health.ts'
import { allObjects, readInventory } from './inventory.ts'
import { driftOnClusters, observeClusters } from './observe-clusters.ts'
import { jobOutcome, runJob } from './pods/run-job.ts'
import { serviceLogs } from './pods/service-logs.ts'
import { clusterDescriptionOf, render } from './render/render.ts'
import { awaitHealth } from './rollout/await-health.ts'
import { takeAway } from './rollout/roll-out.ts'
import { broughtByHelm, whyUndivided } from './staged/index.ts'

export type { KubernetesTargetOptions } from './clusters.ts'

/** The cluster does the work; its connections are bounded by themselves. */
const rolloutsAtOnce = 200
const verifyPatienceMs = 10_000

/** The clusters under one environment. Contacts nothing yet. */
export function createKubernetesTarget(options: KubernetesTargetOptions): Target {
  const { config, environment } = options
  const clusters = openClusters(options)
  const { inEach, inFirst, placeOf } = clusters
  return {
    kind: 'kubernetes',
    environment,
    capabilities: { drift: true, canary: true, trafficSplit: true, fencing: 'conditional' },
    rolloutsAtOnce,
    repairsDrift: config.drift === 'repair',

    async observe(services, signal) {
      return { reachable: true, services: await observeClusters(clusters, services, signal) }
    },

    async fingerprint(given, signal) {
      return await inFirst(signal, async (session) => {
        const fingerprints = await Promise.all(
          Object.entries(given).map(async ([service, values]) => {
            const key = await fingerprintKey(session, placeOf(service), signal)
            return key === null ? [] : [[service, fingerprintWith(key, values)] as const]
          }),
        )
        return Object.fromEntries(fingerprints.flat())
      })
    },

    objectionsTo: (request, signal) => objectionsTo(clusters, request, signal),

    // What the objects are made of is in the plan already.
    plan: async () => ({ previews: {} }),

    ensure: (request, context) => ensureEverywhere(clusters, request, context),

    async remove(service, context) {
      const verdicts = await inEach(context.signal, (session) =>
        takeAway(rolloutBasics(clusters, session, service, context)),
      )
      return verdicts.find(({ ok }) => !ok) ?? passed
    },

    async verify(request, context) {
      const verdicts = await inEach(context.signal, (session) => verifyOn(clusters, session, request, context))
      return verdicts.find(({ ok }) => !ok) ?? passed
    },

    async runJob(job, context) {
      const image = imageIn(clusters, context.artifacts)(job.artifact, job.service)
      return await inFirst(context.signal, (session) =>
        runJob({
          ...{ session, job, image, context, place: placeOf(job.service) },
          serviceAccount: config.serviceAccount,
          createNamespace: config.createNamespace,
        }),
      )
    },

    // Whose job it is nobody says: where each service has a namespace of its own, all are looked through.
    async jobOutcome(key, signal) {
      const namespace = config.namespace.includes('{service}') ? null : placeOf('').namespace
      return await inFirst(signal, (session) => jobOutcome(session, namespace, key, signal))
    },

    async *logs(query, signal) {
      for (const open of clusters.openers) yield* serviceLogs(await open(signal), placeOf(query.service), query, signal)
    },

    findDrift: (services, signal) => driftOnClusters(clusters, services, signal),

    examine: (services, signal) => examineClusters(clusters, services, signal),

    async close() {
      await Promise.all(clusters.openers.map((open) => open.close()))
    },
  }
}

async function verifyOn(
  { placeOf }: Clusters,
  session: ClusterSession,
  { service, desired }: RolloutRequest,
  { signal }: TargetContext,
): Promise<Verdict> {
  const { settled, pending } = await readInventory(session, placeOf(service), service, signal)
  if (pending !== null || settled?.generation !== desired.generation) {
    const why = reason('not-what-was-ensured', `${service} on ${session.name} is not what was brought there`)
    return { ok: false, reasons: [why] }
  }
  const all = allObjects(settled)
  const still = await standingOf(session, placeOf(service), service, all.filter(isStill), signal)
  const objects = all.map((object) => still.get(keyOf(object)) ?? object)
  const wait = { objects, timeoutMs: verifyPatienceMs, signal, report: () => {} }
  const waited = await awaitHealth(session, wait)
  return waited.ok ? passed : waited
}

/** Whether what describes a service can be divided into an old set and a new one. */
async function objectionsTo(clusters: Clusters, request: RolloutRequest, signal: AbortSignal) {
  const { service, strategy, desired } = request
  if (!isStaged(strategy)) return []
  if (clusterDescriptionOf(desired.run).description.kind === 'helm') return [broughtByHelm]
  const rendered = await render({
    ...renderRequestOf(clusters, request, await request.files(), signal),
    // Nothing of it is applied: kinds alone count.
    imageOf: (digest) => `trunkline.invalid/${service}@${digest}`,
    fingerprintKey: Buffer.alloc(32),
  }).catch((error: unknown) => {
    // What is wrong with its description is told when it is deployed.
    if (error instanceof TrunklineError && error.kind !== 'cancelled') return null
    throw error
  })
  return rendered === null ? [] : whyUndivided(rendered.objects, strategy)
}
