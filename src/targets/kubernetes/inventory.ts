/**
 * What Trunkline knows of one service in a cluster, in the cluster: a Secret that is the parent of the service's ApplySet
 * (KEP 3659). It says what is settled there and what is on its way, and keeps the objects of both, so that a way back
 * needs nothing else. Written with its resource version: a controller that has lost its lease cannot overwrite a newer one.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { groupKindOf, isConflict, isNotFound, type KubernetesObject } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import { type Digest, erroredError, type Fingerprint, refusedError } from '../../model/index.ts'
import { annotations, applySetId, fieldManager, inventoryName, labels, type Place, toolingName } from './names.ts'
import { servicesSelector } from './service-selector.ts'

export type Generation = {
  generation: string
  artifact: Digest
  fingerprint: Fingerprint | null
  /** As they were applied; values of Secrets included, since this is one. */
  objects: KubernetesObject[]
  /** Brought by someone else: Helm. Absent where Trunkline applied everything. */
  installed?: Installed
  /** The release by which an installer is bringing it: known before it begins, so that nobody has to guess what it left. */
  installing?: string
  /** Of a rollout in stages that is on its way. */
  staged?: StageReached
}

/** How far a rollout in stages has come, for whoever goes on with it. */
export type StageReached = {
  /** Percent of new requests that the new set has been given. */
  weight: number
  /** When that was verified, in milliseconds since 1970; null: not yet. */
  verifiedAt: number | null
  /** The last stage has passed: what is described takes the place of both sets. */
  isFinishing: boolean
  /** Revisions that had the requests when it began, by Knative Service. */
  revisions: Record<string, string>
}

/** What an installer brought, and keeps the records of. */
export type Installed = { release: string; revision: number; objects: KubernetesObject[] }

/** Whoever brought them. */
export const allObjects = ({ objects, installed }: Generation): KubernetesObject[] => [
  ...objects,
  ...(installed?.objects ?? []),
]

export type Inventory = {
  /** Runs in full, as far as Trunkline brought it there; null before the first. */
  settled: Generation | null
  /** On its way, by whoever holds this epoch. */
  pending: Generation | null
  epoch: number
  /** Of the Secret; null: there is none yet. */
  resourceVersion: string | null
  uid: string | null
}

export const emptyInventory: Inventory = { settled: null, pending: null, epoch: 0, resourceVersion: null, uid: null }

const secretKind = { apiVersion: 'v1', kind: 'Secret' }
const secretType = 'trunkline.dev/service'
/** So many are cheaper in one list than one by one. */
const listFrom = 4
/** What etcd takes in one object, with room for its metadata. */
const maxBytes = 900 * 1024

/** As it is now. Many that are asked for in the same moment come in one list. */
export async function readInventory(
  session: ClusterSession,
  place: Place,
  service: string,
  signal: AbortSignal,
): Promise<Inventory> {
  const key = `inventories ${place.project} ${place.environment} ${place.namespace}`
  const listed = await session.together(key, service, signal, async (services, limit) =>
    services.length < listFrom ? new Map<string, Inventory>() : await readInventories(session, place, limit, services),
  )
  // One that lost its labels is in no list.
  return listed ?? (await readByName(session, place, service, signal))
}

async function readByName(session: ClusterSession, place: Place, service: string, signal: AbortSignal) {
  const secret = await session.read(secretKind, inventoryName(place, service), place.namespace, signal)
  return secret === null ? emptyInventory : parseInventory(secret)
}

export function parseInventory(secret: KubernetesObject): Inventory {
  const data = secret['data'] as Record<string, string> | undefined // Of a Secret.
  const read = (key: string): Generation | null => {
    const text = data?.[key]
    if (text === undefined || text === '') return null
    try {
      return JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8')) as Generation // Written below.
    } catch (error) {
      throw erroredError(
        'INVENTORY_CORRUPT',
        `the Secret ${secret.metadata.namespace}/${secret.metadata.name} cannot be read`,
        {
          hint: 'it was changed by hand: delete it, and the next delivery writes it anew',
          cause: error,
        },
      )
    }
  }
  return {
    settled: read('settled'),
    pending: read('pending'),
    epoch: Number(secret.metadata.annotations?.[annotations.epoch] ?? 0),
    resourceVersion: secret.metadata.resourceVersion ?? null,
    uid: secret.metadata.uid ?? null,
  }
}

/** Answers it as it stands now. Refused where a newer controller wrote. */
export async function writeInventory(
  session: ClusterSession,
  place: Place,
  service: string,
  wanted: Inventory,
  signal: AbortSignal,
): Promise<Inventory> {
  const secret = secretOf(place, service, wanted)
  const collection = `/api/v1/namespaces/${place.namespace}/secrets`
  const query = { fieldManager }
  try {
    const written =
      wanted.resourceVersion === null
        ? await session.client.request({ method: 'POST', path: collection, query, body: secret, signal })
        : await session.client.request({
            method: 'PUT',
            path: `${collection}/${secret.metadata.name}`,
            query,
            body: secret,
            signal,
          })
    const { metadata } = written as KubernetesObject // What was written.
    return { ...wanted, resourceVersion: metadata.resourceVersion ?? null, uid: metadata.uid ?? null }
  } catch (error) {
    if (!isConflict(error) && !(isNotFound(error) && wanted.resourceVersion !== null)) throw error
    const now = await readByName(session, place, service, signal)
    // An answer that was lost on the way: what stands there is ours.
    if (now.epoch === wanted.epoch && isSame(now, wanted)) return now
    if (now.epoch > wanted.epoch) throw stale(service, place, wanted.epoch, now.epoch)
    throw erroredError(
      'INVENTORY_BUSY',
      `${service} was changed in ${place.namespace} by someone else at the same time`,
      {
        hint: 'the next attempt sees it',
        cause: error,
      },
    )
  }
}

export const stale = (service: string, place: Place, ours: number, theirs: number) =>
  refusedError(
    'STALE_CONTROLLER',
    `a newer controller has taken ${service} in ${place.namespace} over (lease ${theirs}, ours is ${ours})`,
  )

const isSame = (left: Inventory, right: Inventory): boolean =>
  left.settled?.generation === right.settled?.generation &&
  left.settled?.fingerprint === right.settled?.fingerprint &&
  left.pending?.generation === right.pending?.generation &&
  left.pending?.fingerprint === right.pending?.fingerprint &&
  JSON.stringify(left.pending?.staged) === JSON.stringify(right.pending?.staged)

function secretOf(
  place: Place,
  service: string,
  { settled, pending, epoch, resourceVersion }: Inventory,
): KubernetesObject {
  const name = inventoryName(place, service)
  const shown = pending ?? settled
  const kinds = new Set(
    [...(settled === null ? [] : allObjects(settled)), ...(pending === null ? [] : allObjects(pending))].map(
      groupKindOf,
    ),
  )
  const data = Object.fromEntries(
    Object.entries({ settled, pending }).flatMap(([key, generation]) =>
      generation === null ? [] : [[key, gzipSync(JSON.stringify(generation), { level: 9 }).toString('base64')]],
    ),
  )
  const bytes = Object.values(data).reduce((sum, text) => sum + text.length, 0)
  if (bytes > maxBytes) {
    throw refusedError(
      'DESCRIPTION_TOO_LARGE',
      `what ${service} is described by takes ${Math.round(bytes / 1024)} KiB compressed: at most ${maxBytes / 1024} KiB can be kept in the cluster`,
      {
        hint: 'divide it into several services',
      },
    )
  }
  return {
    ...secretKind,
    type: secretType,
    metadata: {
      name,
      namespace: place.namespace,
      ...(resourceVersion === null ? {} : { resourceVersion }),
      labels: {
        [labels.managedBy]: 'trunkline',
        [labels.project]: place.project,
        [labels.environment]: place.environment,
        [labels.service]: service,
        [labels.applySetId]: applySetId({ name, namespace: place.namespace }),
      },
      annotations: {
        [annotations.tooling]: toolingName,
        [annotations.groupKinds]: [...kinds].sort().join(','),
        [annotations.state]: pending === null ? 'settled' : 'rolling',
        [annotations.epoch]: String(epoch),
        ...(shown === null
          ? {}
          : { [annotations.generation]: shown.generation, [annotations.artifact]: shown.artifact }),
        ...(shown?.fingerprint ? { [annotations.fingerprint]: shown.fingerprint } : {}),
      },
    },
    data,
  }
}

/** Services of an environment in one request, by name. */
export async function readInventories(
  session: ClusterSession,
  place: Place,
  signal: AbortSignal,
  services: readonly string[] | null = null,
): Promise<Map<string, Inventory>> {
  const { namespace } = place
  const labelSelector = `${servicesSelector(place, services)},${labels.managedBy}=trunkline`
  const resource = await session.resources.find(secretKind, signal)
  const { items } = await session.list(
    resource,
    { namespace, labelSelector, fieldSelector: `type=${secretType}` },
    signal,
  )
  return new Map(
    items.flatMap((secret): Array<[string, Inventory]> => {
      const service = secret.metadata.labels?.[labels.service]
      return service === undefined ? [] : [[service, parseInventory(secret)]]
    }),
  )
}
