/**
 * Kubernetes: services described by their own manifests, by Kustomize, by a Helm chart, or by how they run; images by
 * digest; applied by Trunkline itself and watched until healthy. Everything it must remember is in the cluster.
 */

import {
  type Digest,
  type EnvironmentName,
  fillIn,
  isStaged,
  type KubernetesConfig,
  passed,
  reason,
  type ServiceName,
  TrunklineError,
  usageError,
  type Verdict,
} from '../../model/index.ts'
import type {
  ArtifactStore,
  Clock,
  Drift,
  ObservedService,
  RolloutRequest,
  Target,
  TargetContext,
} from '../../ports/index.ts'
import { findDrift } from './drift/find-drift.ts'
import { fingerprintKey, fingerprintWith } from './fingerprint-key.ts'
import { helmDescriptionOf, helmInstaller, helmVariables, type UpgradeOptions } from './helm/index.ts'
import { allObjects, type Generation, readInventory } from './inventory.ts'
import type { Place } from './names.ts'
import { observeServices } from './observe.ts'
import { jobOutcome, runJob } from './pods/run-job.ts'
import { serviceLogs } from './pods/service-logs.ts'
import { render } from './render/render.ts'
import type { RenderRequest } from './render/render-request.ts'
import { awaitHealth } from './rollout/await-health.ts'
import type { Installer } from './rollout/installer.ts'
import { ensureNamespace } from './rollout/namespace.ts'
import { rollOut, takeAway } from './rollout/roll-out.ts'
import { type ClusterSession, type OpenSession, sessionOpener, told } from './session.ts'
import { rollOutBy, whyUndivided } from './staged/index.ts'

export type KubernetesTargetOptions = {
  config: KubernetesConfig
  project: string
  environment: EnvironmentName
  clock: Clock
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
}

const verifyPatienceMs = 10_000

/** The clusters under one environment. Contacts nothing yet. */
export function createKubernetesTarget(options: KubernetesTargetOptions): Target {
  const { config, project, environment, root, variables } = options
  const openers: OpenSession[] = config.clusters.map((access) => sessionOpener(access, { root, variables }))
  const placeOf = (service: ServiceName): Place => ({
    ...{ project, environment },
    namespace: fillIn(config.namespace, { project, environment, service }),
  })
  const urlOf = (service: ServiceName): string | null =>
    config.url === null ? null : fillIn(config.url, { project, environment, service })

  /** In one cluster after the other. */
  async function inEach<Result>(
    signal: AbortSignal,
    work: (session: ClusterSession) => Promise<Result>,
  ): Promise<Result[]> {
    const results: Result[] = []
    for (const open of openers) {
      const session = await open(signal)
      results.push(await told(session, () => work(session)))
    }
    return results
  }
  async function inFirst<Result>(
    signal: AbortSignal,
    work: (session: ClusterSession) => Promise<Result>,
  ): Promise<Result> {
    const [open] = openers
    if (open === undefined) throw new Error('a target without clusters')
    const session = await open(signal)
    return await told(session, () => work(session))
  }

  /** Services whose names are part of the namespace's are looked at one by one. */
  function byNamespace(services: readonly ServiceName[]): Map<string, ServiceName[]> {
    const groups = new Map<string, ServiceName[]>()
    for (const service of services) {
      const { namespace } = placeOf(service)
      groups.set(namespace, [...(groups.get(namespace) ?? []), service])
    }
    return groups
  }

  async function observe(services: readonly ServiceName[], signal: AbortSignal) {
    const perCluster = await Promise.all(
      openers.map(async (open) => {
        const session = await open(signal)
        const found = await told(session, () =>
          Promise.all(
            [...byNamespace(services)].map(([namespace, members]) =>
              observeServices(session, { project, environment, namespace }, members, signal),
            ),
          ),
        )
        return { cluster: session.name, services: Object.assign({}, ...found) as Record<ServiceName, ObservedService> } // Each has its own services.
      }),
    )
    return Object.fromEntries(
      services.map((service) => {
        const seen = perCluster.flatMap(({ cluster, services: own }) => {
          const known = own[service]
          return known === undefined ? [] : [{ cluster, known }]
        })
        return [service, { ...inOne(seen), url: urlOf(service) }]
      }),
    )
  }

  const imageIn =
    (artifacts: ArtifactStore) =>
    (digest: Digest, service: ServiceName): string => {
      const reference = artifacts.imageReference(digest, service)
      if (reference === null) {
        throw usageError('NO_REGISTRY', `artifacts are kept at ${artifacts.location}, which no cluster can pull from`, {
          hint: 'for example `artifacts: oci://registry.example/shop` in trunkline.yaml',
        })
      }
      return config.pullFrom === null ? reference : `${fillIn(config.pullFrom, { service })}@${digest}`
    }

  async function ensureOn(
    session: ClusterSession,
    request: RolloutRequest,
    context: TargetContext,
    key: Buffer,
  ): Promise<Verdict> {
    const { service, desired } = request
    const place = placeOf(service)
    const asked: RenderRequest = {
      ...{ project, environment, service, config, desired },
      namespace: place.namespace,
      strategy: request.strategy,
      files: await request.files(),
      variables: request.variables,
      imageOf: imageIn(context.artifacts),
      fingerprintKey: key,
      environmentVariables: variables,
      signal: context.signal,
    }
    const isRepair = request.isRepair ?? false
    const isInstalled = helmDescriptionOf(asked) !== null
    const objects = isInstalled ? helmVariables(asked) : (await render(asked)).objects
    const wantedChart = isInstalled
      ? { request: asked, isRepair, takesOver: await isApplied(session, place, service, context.signal) }
      : null
    const fingerprint = fingerprintWith(key, request.variables)
    return await rollOutBy({
      ...{ session, place, service, context, isInstalled },
      installer: installerFor(session, place, context, wantedChart),
      strategy: request.strategy,
      url: urlOf(service),
      wanted: { generation: desired.generation, artifact: desired.artifact, fingerprint, objects },
      createNamespace: config.createNamespace,
      conflicts: isRepair ? 'force' : config.conflicts,
      timeoutMs: config.timeoutMs,
    })
  }

  /** Charts of a service: the wanted one, or what is there already. */
  function installerFor(
    session: ClusterSession,
    { namespace }: Place,
    { signal }: Pick<TargetContext, 'signal'>,
    chart: (UpgradeOptions & { request: RenderRequest }) | null,
  ): Installer {
    const cluster = { access: session.access, root, environmentVariables: variables, signal }
    const wanted = chart === null ? null : { ...chart, request: { ...chart.request, ...cluster } }
    return helmInstaller({ session, cluster, namespace, wanted })
  }

  async function driftOf(services: readonly ServiceName[], signal: AbortSignal): Promise<Drift[]> {
    const found = await inEach(signal, async (session) => {
      const groups = await Promise.all(
        [...byNamespace(services)].map(([namespace, members]) =>
          findDrift(session, { project, environment, namespace }, members, signal),
        ),
      )
      return groups.flat().map(
        ({ service, object, differences }): Drift => ({
          service,
          subject: openers.length > 1 ? `${object} on ${session.name}` : object,
          fields: differences.map(({ by, ...difference }) => ({
            ...difference,
            by: by === null ? null : { name: by.manager, at: by.at },
          })),
        }),
      )
    })
    return found.flat()
  }

  return {
    kind: 'kubernetes',
    environment,
    capabilities: { drift: true, canary: true, trafficSplit: true, fencing: 'conditional' },

    async observe(services, signal) {
      return { reachable: true, services: await observe(services, signal) }
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

    async objectionsTo({ service, desired, strategy, files, variables: values }, signal) {
      if (!isStaged(strategy)) return []
      const rendered = await render({
        ...{ project, environment, service, config, desired, strategy, signal },
        namespace: placeOf(service).namespace,
        files: await files(),
        variables: values,
        // Nothing of it is applied: kinds alone count.
        imageOf: (digest) => `trunkline.invalid/${service}@${digest}`,
        fingerprintKey: Buffer.alloc(32),
        environmentVariables: variables,
      }).catch((error: unknown) => {
        // What is wrong with its description is told when it is deployed.
        if (error instanceof TrunklineError && error.kind !== 'cancelled') return null
        throw error
      })
      return rendered === null ? [] : whyUndivided(rendered.objects, strategy)
    },

    // What the objects are made of is in the plan already.
    plan: async () => ({ previews: {} }),

    async ensure(request, context) {
      const { service } = request
      const place = placeOf(service)
      const done: Array<{ session: ClusterSession; before: Awaited<ReturnType<typeof readInventory>> }> = []
      const key = await inFirst(context.signal, (session) => keyFor(session, place, context.signal))
      if (!Buffer.isBuffer(key)) return key
      for (const open of openers) {
        const session = await open(context.signal)
        const before = await told(session, () => readInventory(session, place, service, context.signal))
        const verdict = await judged(session, () => ensureOn(session, request, context, key))
        if (verdict.ok) {
          done.push({ session, before })
          continue
        }
        if (done.length > 0) context.log(`${session.name} failed: the clusters before it go back`)
        for (const { session: earlier, before: settled } of done.reverse()) {
          if (settled.settled === null)
            await told(earlier, () => takeAway({ ...rolloutBasics(earlier, place, service, context) }))
          else {
            const wanted = settled.settled
            await told(earlier, () =>
              rollOut({
                ...rolloutBasics(earlier, place, service, context),
                ...restoring(earlier, place, context, wanted),
                wanted,
                createNamespace: false,
                conflicts: 'force',
              }),
            )
          }
        }
        return verdict
      }
      return passed
    },

    async remove(service, context) {
      const verdicts = await inEach(context.signal, (session) =>
        takeAway(rolloutBasics(session, placeOf(service), service, context)),
      )
      return verdicts.find(({ ok }) => !ok) ?? passed
    },

    async verify({ service, desired }, context) {
      const verdicts = await inEach(context.signal, async (session): Promise<Verdict> => {
        const inventory = await readInventory(session, placeOf(service), service, context.signal)
        const { settled, pending } = inventory
        if (pending !== null || settled?.generation !== desired.generation) {
          return {
            ok: false,
            reasons: [reason('not-what-was-ensured', `${service} on ${session.name} is not what was brought there`)],
          }
        }
        const waited = await awaitHealth(session, {
          ...{ objects: allObjects(settled), timeoutMs: verifyPatienceMs, signal: context.signal },
          report: () => {},
        })
        return waited.ok ? passed : waited
      })
      return verdicts.find(({ ok }) => !ok) ?? passed
    },

    async runJob(job, context) {
      const image = imageIn(context.artifacts)(job.artifact, job.service)
      return await inFirst(context.signal, (session) =>
        runJob({
          ...{ session, job, image, context, place: placeOf(job.service) },
          serviceAccount: config.serviceAccount,
          createNamespace: config.createNamespace,
        }),
      )
    },

    async jobOutcome(key, signal) {
      return await inFirst(signal, (session) => jobOutcome(session, placeOf(''), key, signal))
    },

    async *logs(query, signal) {
      for (const open of openers) yield* serviceLogs(await open(signal), placeOf(query.service), query, signal)
    },

    findDrift: driftOf,
    repairsDrift: config.drift === 'repair',

    async close() {
      await Promise.all(openers.map((open) => open.close()))
    },
  }

  function rolloutBasics(session: ClusterSession, place: Place, service: ServiceName, context: TargetContext) {
    const installer = installerFor(session, place, context, null)
    return { session, place, service, context, installer, timeoutMs: config.timeoutMs }
  }

  /** What an installer had brought comes back by it. */
  function restoring(session: ClusterSession, place: Place, context: TargetContext, { installed }: Generation) {
    if (installed === undefined) return {}
    const installer = installerFor(session, place, context, null)
    const install = async () => ({ ok: true as const, installed: await installer.restore(installed) })
    return { isInstalled: true, installer: { ...installer, install } }
  }

  /** The key, or why there cannot be one. */
  async function keyFor(
    session: ClusterSession,
    place: Place,
    signal: AbortSignal,
  ): Promise<Buffer | (Verdict & { ok: false })> {
    const missing = await ensureNamespace(session, place.namespace, config.createNamespace, signal)
    const key = missing === null ? await fingerprintKey(session, place, signal) : null
    return (
      key ?? {
        ok: false,
        reasons: [missing ?? reason('namespace-terminating', `the namespace ${place.namespace} is being deleted`)],
      }
    )
  }
}

/** Whether Trunkline itself brought there what runs. */
async function isApplied(session: ClusterSession, place: Place, service: ServiceName, signal: AbortSignal) {
  const { settled } = await readInventory(session, place, service, signal)
  return settled !== null && settled.installed === undefined
}

/** What is wrong with what a service is described by, or with what the server thinks of it, is a verdict on it. */
async function judged(session: ClusterSession, work: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await told(session, work)
  } catch (error) {
    if (!(error instanceof TrunklineError) || (error.kind !== 'failed' && error.kind !== 'usage')) throw error
    const { code, message, hint, location } = error
    const evidence = {
      ...(hint === undefined ? {} : { hint }),
      ...(location === undefined ? {} : { file: location.file }),
    }
    return { ok: false, reasons: [reason(code.toLowerCase().replaceAll('_', '-'), message, evidence)] }
  }
}

/** A service on several clusters: what runs everywhere, and how many pods there are in all. */
function inOne(seen: ReadonlyArray<{ cluster: string; known: ObservedService }>): ObservedService {
  const [first, ...others] = seen
  if (first === undefined) throw new Error('a target without clusters')
  if (others.length === 0) return first.known
  const all = [first, ...others]
  const same = <Field extends 'generation' | 'artifact' | 'fingerprint'>(field: Field) =>
    others.every(({ known }) => known[field] === first.known[field]) ? first.known[field] : null
  const details = all.flatMap(({ cluster, known }) =>
    known.detail === undefined ? [] : [`${cluster}: ${known.detail}`],
  )
  const onItsWay = all.find(({ known }) => known.newSet !== undefined)?.known.newSet
  return {
    generation: same('generation'),
    artifact: same('artifact'),
    fingerprint: same('fingerprint'),
    instances: {
      ready: all.reduce((sum, { known }) => sum + known.instances.ready, 0),
      desired: all.reduce((sum, { known }) => sum + known.instances.desired, 0),
    },
    url: null,
    hosts: all.map(({ cluster, known }) => ({ name: cluster, instances: known.instances, url: null })),
    // One cluster after the other: at most one of them is on its way.
    ...(onItsWay === undefined ? {} : { newSet: onItsWay }),
    ...(details.length > 0 ? { detail: details.join('; ') } : {}),
  }
}
