/**
 * Documents that refer to an artifact: by the referrers API where a registry has it, else by the tag schema of the
 * OCI distribution specification ("Unavailable Referrers API"): an index under the tag `sha256-<hex>`.
 */
import { canonicalJson } from '../../hashing/index.ts'
import { type Digest, erroredError, short } from '../../model/index.ts'
import type { Descriptor } from '../../ports/index.ts'
import { hexOf } from '../digest.ts'
import { mediaTypes } from '../media-types.ts'
import { parseIndex } from '../oci-schema.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import { resolveLocation } from './redirects.ts'
import { pause } from './retry.ts'

const maxPages = 100
/** More documents than this refer to no honest artifact. */
const maxReferrers = 10_000

export async function listReferrers(
  client: RegistryClient,
  subject: Digest,
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const found: Descriptor[] = []
  let path: string | null = `referrers/${subject}`
  for (let page = 0; path !== null && page < maxPages; page++) {
    const response: RegistryResponse = await client.call(
      {
        method: 'GET',
        path,
        headers: { accept: mediaTypes.index },
        right: 'pull',
        // All of these are how registries say that they have no such API.
        accept: [200, 400, 404, 405, 501],
        action: `list what refers to ${short(subject)}`,
      },
      signal,
    )
    const isIndex = response.status === 200 && response.headers['content-type']?.startsWith(mediaTypes.index)
    if (!isIndex) return readFallback(client, subject, 'pull', signal)
    for (const one of parsed(client, response)) found.push(one)
    if (found.length > maxReferrers) {
      throw erroredError(
        'REGISTRY_REFUSED',
        `${client.label} says that more than ${maxReferrers} documents refer to it`,
      )
    }
    path = nextPage(client, response)
  }
  return found
}

/** `Link: <…>; rel="next"` (RFC 5988). */
function nextPage(client: RegistryClient, { headers, url }: RegistryResponse): string | null {
  const next = /^[^<]*<([^>]+)>\s*;\s*rel="?next"?/i.exec(headers['link'] ?? '')?.[1]
  if (next === undefined) return null
  const page = resolveLocation(next, url)
  if (new URL(page).origin === new URL(url).origin) return page
  throw erroredError('REGISTRY_UNSAFE_REDIRECT', `${client.label} goes on with its list at another host`)
}

export const fallbackTag = (subject: Digest): string => `sha256-${hexOf(subject)}`

async function readFallback(
  client: RegistryClient,
  subject: Digest,
  right: 'pull' | 'push',
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const response = await client.call(
    {
      method: 'GET',
      path: `manifests/${fallbackTag(subject)}`,
      headers: { accept: mediaTypes.index },
      right,
      accept: [200, 404],
      action: `list what refers to ${short(subject)}`,
    },
    signal,
  )
  return response.status === 404 ? [] : parsed(client, response)
}

function parsed(client: RegistryClient, response: RegistryResponse): Descriptor[] {
  try {
    return parseIndex(response.bytes)
  } catch (cause) {
    throw erroredError('REGISTRY_REFUSED', `${client.label} answered with something else than a list of referrers`, {
      cause,
    })
  }
}

/** Updates under way in this process, one after the other by subject. */
const underWay = new Map<string, Promise<void>>()
const maxRounds = 10

/**
 * Adds a referrer to the fallback index. A registry offers no compare-and-swap, so two writers can overwrite each
 * other: within a process they wait for one another; across processes each looks again after a pause longer than
 * the other's write, and adds what got lost.
 */
export async function addToFallback(
  client: RegistryClient,
  subject: Digest,
  referrer: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const key = `${client.label}@${subject}`
  const turn = (underWay.get(key) ?? Promise.resolve()).then(() => merge(client, subject, referrer, signal))
  const settled = turn.catch(() => {})
  underWay.set(key, settled)
  try {
    await turn
  } finally {
    if (underWay.get(key) === settled) underWay.delete(key)
  }
}

async function merge(client: RegistryClient, subject: Digest, referrer: Descriptor, signal: AbortSignal) {
  for (let round = 0; round < maxRounds; round++) {
    const present = await readFallback(client, subject, 'push', signal)
    if (present.some(({ digest }) => digest === referrer.digest)) return
    const wroteAtMs = performance.now()
    await writeFallback(client, subject, [...present, referrer], signal)
    const tookMs = performance.now() - wroteAtMs
    await pause(Math.min(tookMs, 1000) * (1 + Math.random()) + 10, signal)
  }
  throw erroredError('REGISTRY_REFUSED', `${client.label} lost the entry ${fallbackTag(subject)} again and again`, {
    hint: 'does something else write this tag all the time? Try again later',
  })
}

async function writeFallback(
  client: RegistryClient,
  subject: Digest,
  manifests: readonly Descriptor[],
  signal: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }))
  await client.call(
    {
      method: 'PUT',
      path: `manifests/${fallbackTag(subject)}`,
      headers: { 'content-type': mediaTypes.index },
      body: {
        size: bytes.length,
        async *open() {
          yield bytes
        },
      },
      right: 'push',
      accept: [200, 201, 202],
      action: `list what refers to ${short(subject)}`,
    },
    signal,
  )
}
