/** Helm as one who brings objects to a cluster: rollouts install by it, watch what it brought, and go back by it. */
import { type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { giveUp } from '../apply/give-up.ts'
import { deleteObject } from '../apply/server-side-apply.ts'
import type { Installed } from '../inventory.ts'
import { fieldManager } from '../names.ts'
import type { Installer } from '../rollout/installer.ts'
import { helmGoBack, uninstall } from './go-back.ts'
import { type HelmCluster, type HelmRelease, type HelmRequest, helmDescriptionOf, releaseOf } from './helm-request.ts'
import { helmObjects } from './history.ts'
import { helmUpgrade, type UpgradeOptions } from './upgrade.ts'

/** As helm signs what it writes. */
const helmManager = 'helm'

export type InstallerScene = {
  session: ClusterSession
  cluster: HelmCluster
  namespace: string
  /** null: nothing is to be installed, only what is there taken back or away. */
  wanted: (UpgradeOptions & { request: HelmRequest }) | null
}

export function helmInstaller({ session, cluster, namespace, wanted }: InstallerScene): Installer {
  const { signal } = cluster
  const installed = async (
    release: string,
    revision: number,
    objects: readonly KubernetesObject[],
  ): Promise<Installed> => ({
    release,
    revision,
    objects: await Promise.all(objects.map((object) => asItStands(session, object, namespace, signal))),
  })
  const handOver = async (objects: readonly KubernetesObject[], from: string) => {
    for (const object of objects) await giveUp(session, await located(session, object, namespace, signal), from, signal)
  }
  return {
    release: nameOfWanted(wanted),

    async install() {
      if (wanted === null) throw new Error('nothing is to be installed')
      const { request, ...options } = wanted
      const upgraded = await helmUpgrade(request, session, options)
      if (!upgraded.ok) return upgraded
      const { release, revision, objects } = upgraded
      if (options.takesOver) await handOver(objects, fieldManager)
      return { ok: true, installed: await installed(release.name, revision, objects) }
    },

    async restore({ release, revision }) {
      const back = await helmGoBack(cluster, { name: release, namespace }, revision)
      return await installed(release, back.revision ?? revision, back.objects)
    },

    async remove(name, keep) {
      const release = { name, namespace }
      const brought = await helmObjects(cluster, release)
      const objects = await Promise.all(brought.map((object) => located(session, object, namespace, signal)))
      const kept = new Set(keep.map(keyOf))
      const leaving = objects.filter((object) => !kept.has(keyOf(object)))
      if (leaving.length === objects.length) return await uninstall(cluster, release)
      await forget(session, release, leaving, signal)
      await handOver(
        objects.filter((object) => kept.has(keyOf(object))),
        helmManager,
      )
    },
  }
}

function nameOfWanted(wanted: InstallerScene['wanted']): string | null {
  const description = wanted === null ? null : helmDescriptionOf(wanted.request)
  return wanted === null || description === null ? null : releaseOf(wanted.request, description).name
}

/** In the namespace that helm puts it into. */
async function located(
  session: ClusterSession,
  object: KubernetesObject,
  namespace: string,
  signal: AbortSignal,
): Promise<KubernetesObject> {
  if (object.metadata.namespace !== undefined) return object
  const { isNamespaced } = await session.resources.find(object, signal)
  return isNamespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object
}

/** With the generation that its controller must have seen, so that what was healthy before is not taken for it. */
async function asItStands(
  session: ClusterSession,
  object: KubernetesObject,
  namespace: string,
  signal: AbortSignal,
): Promise<KubernetesObject> {
  const there = await located(session, object, namespace, signal)
  const live = await session.read(there, there.metadata.name, there.metadata.namespace, signal)
  const generation = live?.metadata.generation
  return generation === undefined ? there : { ...there, metadata: { ...there.metadata, generation } }
}

/** Helm can only take away all that it brought: where some of it has another owner by now, its records go alone. */
async function forget(
  session: ClusterSession,
  { name, namespace }: HelmRelease,
  leaving: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<void> {
  const secrets = await session.resources.find({ apiVersion: 'v1', kind: 'Secret' }, signal)
  const records = await session.list(secrets, { namespace, labelSelector: `owner=helm,name=${name}` }, signal)
  const all = records.items.map((record) => ({ ...record, apiVersion: 'v1', kind: 'Secret' }))
  for (const object of [...leaving, ...all]) await deleteObject(session, object, signal)
}
