import { pipeline, Readable } from 'node:stream'
import { short } from '../../model/index.ts'
import type { Descriptor } from '../../ports/index.ts'
import { artifactCorrupt, artifactMissing, throwIfAborted } from '../artifact-errors.ts'
import { verifier } from '../verified-stream.ts'
import { brokenOff, type RegistryClient } from './client.ts'
import { pause, retrying, TransientFault } from './retry.ts'
import { type HttpResponse, unreachable } from './transport.ts'

/** However much each brings: a server that gives a byte and hangs up is not asked for ever. */
const maxConnections = 100

/** A blob as a verified stream. One that breaks off is taken up where it ended, a bounded number of times. */
export async function downloadBlob(
  client: RegistryClient,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Readable> {
  const first = await openAt(client, descriptor, 0, signal)
  const bytes = Readable.from(resuming(client, descriptor, first, signal), { objectMode: false })
  const place = `${client.label}/blobs/${descriptor.digest}`
  const checked = verifier(descriptor, (found) => artifactCorrupt(descriptor.digest, place, found))
  // Failures reach the reader through the stream itself.
  pipeline(bytes, checked, () => {})
  return checked
}

async function* resuming(
  client: RegistryClient,
  descriptor: Descriptor,
  first: HttpResponse,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { size } = descriptor
  let response = first
  let received = 0
  let connections = 0
  for (let attempt = 1; ; attempt++) {
    if (++connections > maxConnections) {
      throw unreachable(new URL(first.url), `it broke off ${maxConnections} times with little to show for it`)
    }
    // A server that does not know ranges begins again at the beginning.
    let skip = response.status === 206 ? 0 : received
    const before = received
    try {
      for await (const chunk of withPace(response)) {
        const rest = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - rest.length
        received += rest.length
        if (rest.length > 0) yield rest
      }
      if (received >= size) return
      throw new TransientFault(unreachable(new URL(response.url), 'its answer broke off'))
    } catch (error) {
      const fault = brokenOff(error, response.url, signal)
      if (!(fault instanceof TransientFault)) throw fault
      if (received > before) attempt = 1
      if (attempt >= client.retryPolicy.attempts) throw fault.error
      await pause(Math.random() * client.retryPolicy.baseMs, signal)
      response = await openAt(client, descriptor, received, signal)
    }
  }
}

/** A window of time, and the least that must come in it: about 1 KB a second. */
const paceWindowMs = 60_000
const leastBytes = 64 * 1024

/** The body, as long as it comes at a pace: a drop now and then is progress to the transport, and no download. */
async function* withPace({ body, url }: HttpResponse): AsyncGenerator<Uint8Array> {
  let sinceMs = performance.now()
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes >= leastBytes) {
      bytes = 0
      sinceMs = performance.now()
    }
    // The consumer's own time counts in: it is a disk, and takes less than a minute for 64 KiB.
    if (performance.now() - sinceMs > paceWindowMs)
      throw new TransientFault(unreachable(new URL(url), 'it sends next to nothing'))
    yield chunk
  }
}

function openAt(
  client: RegistryClient,
  { digest }: Descriptor,
  offset: number,
  signal: AbortSignal,
): Promise<HttpResponse> {
  throwIfAborted(signal)
  return retrying(client.retryPolicy, signal, async () => {
    const response = await client.open(
      {
        method: 'GET',
        path: `blobs/${digest}`,
        // As stored: an encoding on the way would have another length.
        headers: { 'accept-encoding': 'identity', ...(offset > 0 && { range: `bytes=${offset}-` }) },
        right: 'pull',
        accept: offset > 0 ? [200, 206, 404] : [200, 404],
        action: `read the blob ${short(digest)}`,
      },
      signal,
    )
    if (response.status !== 404) return response
    response.body.on('error', () => {}).destroy()
    throw artifactMissing(digest, client.label)
  })
}
