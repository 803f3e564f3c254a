/** Brings a blob to a registry: not at all where it is there, by a mount where another repository has it, else whole or in chunks. */
import { createReadStream } from 'node:fs'
import { short, TrunklineError } from '../../model/index.ts'
import type { PackedBlob } from '../../ports/index.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import { retrying, TransientFault } from './retry.ts'
import type { RequestBody } from './transport.ts'

/**
 * Size of a chunk where the registry asks for no larger one (`OCI-Chunk-Min-Length`).
 * GHCR refuses more than 4 MiB in one PATCH; ECR takes any size.
 */
const chunkBytes = 4 * 1024 * 1024

export type UploadOptions = {
  /** Repositories of the same registry that may hold the blob already. */
  mountFrom: readonly string[]
  signal: AbortSignal
}

/**
 * Uploads a blob. The first attempt sends it in one request, as every registry takes it. Chunks are for the
 * attempts after one that was too large for a proxy or broke off on the way: an interrupted chunk is taken up again
 * where the registry says it has got to.
 */
export async function uploadBlob(client: RegistryClient, blob: PackedBlob, options: UploadOptions): Promise<void> {
  let inChunks = false
  await retrying(client.retryPolicy, options.signal, async () => {
    if (await hasBlob(client, blob, options.signal)) return
    const session = await startUpload(client, blob, options)
    if (session === null) return
    try {
      if (inChunks) await uploadChunks(client, blob, session, options.signal)
      else await uploadWhole(client, blob, session, options.signal)
    } catch (error) {
      const isTooLarge = error instanceof TrunklineError && error.code === 'REGISTRY_BODY_TOO_LARGE'
      if (isTooLarge && !inChunks) {
        inChunks = true
        throw new TransientFault(error, 0)
      }
      if (error instanceof TransientFault && blob.size > chunkBytes) inChunks = true
      throw error
    }
  })
}

async function hasBlob(client: RegistryClient, blob: PackedBlob, signal: AbortSignal): Promise<boolean> {
  const { status } = await client.callOnce(
    {
      method: 'HEAD',
      path: `blobs/${blob.digest}`,
      right: 'push',
      accept: [200, 404],
      action: `look for the blob ${short(blob.digest)}`,
    },
    signal,
  )
  return status === 200
}

type Session = { location: string; minChunkBytes: number }

/** Opens an upload; null where a mount made it unnecessary. */
async function startUpload(
  client: RegistryClient,
  blob: PackedBlob,
  { mountFrom, signal }: UploadOptions,
): Promise<Session | null> {
  const action = `take an upload of ${short(blob.digest)}`
  const start = (query: string, alsoPulls: readonly string[]) =>
    client.callOnce(
      { method: 'POST', path: `blobs/uploads/${query}`, right: 'push', alsoPulls, accept: [201, 202], action },
      signal,
    )
  // An upload session serves as well as an answer to a mount that found nothing: the last one is used.
  let started: RegistryResponse | null = null
  for (const from of mountFrom) {
    started = await start(`?mount=${blob.digest}&from=${encodeURIComponent(from)}`, [from]).catch(refusedMount)
    if (started?.status === 201) return null
  }
  started ??= await start('', [])
  return {
    location: client.locate(started, action),
    minChunkBytes: Number(started.headers['oci-chunk-min-length'] ?? 0) || 0,
  }
}

/** Some registries know no mounts, or give us no right to the other repository: then the bytes are sent. */
function refusedMount(error: unknown): null {
  const refusals = ['REGISTRY_REFUSED', 'REGISTRY_DENIED', 'REGISTRY_UNAUTHORIZED', 'REGISTRY_REPOSITORY_UNKNOWN']
  if (error instanceof TrunklineError && refusals.includes(error.code)) return null
  throw error
}

async function uploadWhole(client: RegistryClient, blob: PackedBlob, session: Session, signal: AbortSignal) {
  await finishUpload(client, blob, { location: session.location, body: partOf(blob, 0, blob.size, signal) }, signal)
}

async function uploadChunks(client: RegistryClient, blob: PackedBlob, session: Session, signal: AbortSignal) {
  const size = Math.max(chunkBytes, session.minChunkBytes)
  let { location } = session
  let offset = 0
  let interruptions = 0
  while (offset < blob.size) {
    const end = Math.min(offset + size, blob.size)
    try {
      const response = await uploadChunk(client, blob, { location, offset, end }, signal)
      location = client.locate(response, 'go on with the upload')
      // Not by the answer's Range: ECR's stays at the first chunk (aws/containers-roadmap#2831).
      offset = end
    } catch (error) {
      if (!(error instanceof TransientFault) || ++interruptions >= client.retryPolicy.attempts) throw error
      const progress = await uploadProgress(client, location, signal)
      if (progress === null || progress.offset > blob.size) throw error
      ;({ offset, location } = progress)
    }
  }
  await finishUpload(client, blob, { location }, signal)
}

type Chunk = { location: string; offset: number; end: number }

function uploadChunk(client: RegistryClient, blob: PackedBlob, { location, offset, end }: Chunk, signal: AbortSignal) {
  return client.callOnce(
    {
      method: 'PATCH',
      path: location,
      headers: { 'content-type': 'application/octet-stream', 'content-range': `${offset}-${end - 1}` },
      body: partOf(blob, offset, end, signal),
      right: 'push',
      accept: [201, 202, 204],
      action: `take a chunk of ${short(blob.digest)}`,
    },
    signal,
  )
}

/** How far an interrupted upload has got; null where the registry knows nothing of it any more. */
async function uploadProgress(
  client: RegistryClient,
  location: string,
  signal: AbortSignal,
): Promise<{ offset: number; location: string } | null> {
  const action = 'say how far the upload has got'
  const response = await client.call(
    { method: 'GET', path: location, right: 'push', accept: [200, 202, 204, 400, 404, 405, 416], action },
    signal,
  )
  const last = /^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '')?.[1]
  if (response.status >= 400 || last === undefined) return null
  // `0-0` is how an empty upload is reported, although it reads as one byte.
  const offset = last === '0' ? 0 : Number(last) + 1
  return { offset, location: response.headers['location'] ? client.locate(response, action) : location }
}

type Finish = { location: string; body?: RequestBody }

async function finishUpload(client: RegistryClient, blob: PackedBlob, { location, body }: Finish, signal: AbortSignal) {
  // By hand: URLSearchParams would write the registry's own parameters in another way than they came.
  const path = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.digest)}`
  const headers = { 'content-type': 'application/octet-stream' }
  const action = `store the blob ${short(blob.digest)}`
  const accept = [200, 201, 202, 204]
  await client.callOnce({ method: 'PUT', path, headers, ...(body && { body }), right: 'push', accept, action }, signal)
}

/** Bytes `offset` to `end` (exclusive) of a blob. */
function partOf(blob: PackedBlob, offset: number, end: number, signal: AbortSignal): RequestBody {
  return { size: end - offset, open: () => bytesOf(blob, offset, end, signal) }
}

async function* bytesOf(
  { content }: PackedBlob,
  offset: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (end === offset) return
  if (content.kind === 'bytes') yield content.bytes.subarray(offset, end)
  else if (content.kind === 'file') {
    yield* createReadStream(content.path, { start: offset, end: end - 1, highWaterMark: 256 * 1024 })
  } else {
    // It can only be read from its beginning; an upload that is taken up again in the middle is the rare case.
    let position = 0
    for await (const chunk of await content.open(signal)) {
      const from = Math.max(0, offset - position)
      const to = Math.min(chunk.length, end - position)
      position += chunk.length
      if (from < to) yield chunk.subarray(from, to)
      if (position >= end) return
    }
  }
}
