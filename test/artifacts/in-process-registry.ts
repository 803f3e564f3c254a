/**
 * A small OCI registry in this process, for what a real one does only on a bad day: dialects, faults, other hosts.
 * It keeps the protocol (a wrong digest or an unknown upload is refused) and records every request it got.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type RecordedRequest = {
  method: string
  /** Path and query. */
  url: string
  headers: IncomingMessage['headers']
  body: Buffer
}

export type Dialect = {
  /** `bearer`: tokens from `/token`; `basic`: as ECR. With a user and a password, or null for anonymous tokens. */
  login?: { kind: 'bearer' | 'basic'; user: string | null; password?: string; tokenSeconds?: number }
  /** `OCI-Subject` and `/referrers/`, with at most this many entries a page. */
  referrersPageSize?: number
  locations?: 'relative' | 'absolute'
  /** Reads of blobs are sent on to storage at another host. */
  redirectBlobs?: boolean
  /** No `Docker-Content-Digest`. */
  withoutDigestHeader?: boolean
  /** Largest body of one request. */
  maxBodyBytes?: number
  minChunkBytes?: number
  /** It answers 405 to every deletion. */
  keepsManifests?: boolean
  /** It answers 405 to every mount. */
  refusesMounts?: boolean
  /** Called before the registry answers; answers itself and says true, to misbehave. */
  intercept?(request: RecordedRequest, response: ServerResponse): boolean | Promise<boolean>
}

export type InProcessRegistry = {
  host: string
  /** Host of the blob storage. */
  storageHost: string
  requests: RecordedRequest[]
  /** Requests that blob storage got. */
  storageRequests: RecordedRequest[]
  /** By digest; shared by all repositories, which know them by `repositories`. */
  blobs: Map<string, Buffer>
  manifests: Map<string, Buffer>
  tokensIssued: number
  dialect: Dialect
  count(method: string, pattern: RegExp): number
}

export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export async function startInProcessRegistry(test: TestContext, dialect: Dialect = {}): Promise<InProcessRegistry> {
  const uploads = new Map<string, Buffer>()
  const known = new Set<string>()
  const tokens = new Map<string, number>()
  const registry: InProcessRegistry = {
    host: '',
    storageHost: '',
    requests: [],
    storageRequests: [],
    blobs: new Map(),
    manifests: new Map(),
    tokensIssued: 0,
    dialect,
    count: (method, pattern) => registry.requests.filter((r) => r.method === method && pattern.test(r.url)).length,
  }

  registry.host = await listen(test, async (request, response) => {
    registry.requests.push(request)
    if (await dialect.intercept?.(request, response)) return response
    if (dialect.maxBodyBytes !== undefined && request.body.length > dialect.maxBodyBytes) return end(response, 413)
    const url = new URL(request.url, 'http://registry')
    if (url.pathname === '/token') return giveToken(request, url, response)
    if (!isAuthorized(request, response)) return response
    if (url.pathname === '/v2/') return end(response, 200)
    const match = /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|referrers)\/(.*)$/.exec(url.pathname)
    const [, repository = '', collection, reference = ''] = match ?? []
    if (collection === 'blobs/uploads') return upload(request, response, { url, repository, id: reference })
    if (collection === 'blobs') return readBlob(request, response, `${repository}@${reference}`)
    if (collection === 'manifests') return manifest(request, response, { repository, reference })
    if (collection === 'referrers' && dialect.referrersPageSize) return referrers(response, url, repository, reference)
    return end(response, 404)
  })
  // `localhost`, not 127.0.0.1: another host as far as headers are concerned.
  const storage = await listen(test, async (request, response) => {
    registry.storageRequests.push(request)
    if (await dialect.intercept?.(request, response)) return response
    const bytes = registry.blobs.get(request.url.slice('/storage/'.length))
    return bytes ? end(response, 200, {}, bytes) : end(response, 404)
  })
  registry.storageHost = storage.replace('127.0.0.1', 'localhost')
  return registry

  function isAuthorized(request: RecordedRequest, response: ServerResponse): boolean {
    const { login } = dialect
    if (login === undefined) return true
    const given = request.headers.authorization ?? ''
    const isFine =
      login.kind === 'basic'
        ? given === `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`
        : (tokens.get(given.replace('Bearer ', '')) ?? 0) > performance.now()
    if (isFine) return true
    const challenge =
      login.kind === 'basic'
        ? 'Basic realm="https://registry.example/",service="ecr.amazonaws.com"'
        : `Bearer realm="http://${registry.host}/token",service="in-process",scope="repository:x:pull"`
    end(response, 401, { 'www-authenticate': challenge }, errorBody('UNAUTHORIZED', 'authentication required'))
    return false
  }

  function giveToken(request: RecordedRequest, url: URL, response: ServerResponse): ServerResponse {
    const { user = null, password, tokenSeconds = 300 } = dialect.login ?? {}
    const form = new URLSearchParams(request.body.toString())
    const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    const isKnown = form.get('refresh_token') === password || request.headers.authorization === basic
    if (user !== null && !isKnown) return end(response, 401, {}, errorBody('UNAUTHORIZED', 'wrong password'))
    if (url.searchParams.getAll('scope').some((scope) => scope.includes('forbidden'))) {
      return end(response, 403, {}, errorBody('DENIED', 'requested access to the resource is denied'))
    }
    const token = randomBytes(8).toString('hex')
    tokens.set(token, performance.now() + tokenSeconds * 1000)
    registry.tokensIssued++
    return end(response, 200, {}, JSON.stringify({ token, expires_in: tokenSeconds }))
  }

  type Upload = { url: URL; repository: string; id: string }

  function upload(request: RecordedRequest, response: ServerResponse, { url, repository, id }: Upload): ServerResponse {
    if (request.method === 'POST' && dialect.refusesMounts && url.searchParams.has('mount')) return end(response, 405)
    if (request.method === 'POST') return startUpload(response, url, repository)
    const received = uploads.get(id)
    if (received === undefined) return end(response, 404, {}, errorBody('BLOB_UPLOAD_UNKNOWN', 'unknown upload'))
    if (request.method === 'GET') return end(response, 204, progress(repository, id))
    if (request.method === 'PATCH') {
      const [start] = (request.headers['content-range'] ?? '0-').split('-')
      if (Number(start) !== received.length) return end(response, 416, progress(repository, id))
      uploads.set(id, Buffer.concat([received, request.body]))
      return end(response, 202, progress(repository, id))
    }
    const bytes = Buffer.concat([received, request.body])
    uploads.delete(id)
    const digest = url.searchParams.get('digest') ?? ''
    if (sha256(bytes) !== digest) return end(response, 400, {}, errorBody('DIGEST_INVALID', 'wrong digest'))
    registry.blobs.set(digest, bytes)
    known.add(`${repository}@${digest}`)
    return end(response, 201, { location: `/v2/${repository}/blobs/${digest}` })
  }

  function startUpload(response: ServerResponse, url: URL, repository: string): ServerResponse {
    const mount = url.searchParams.get('mount')
    if (mount !== null && known.has(`${url.searchParams.get('from')}@${mount}`)) {
      known.add(`${repository}@${mount}`)
      return end(response, 201, { location: `/v2/${repository}/blobs/${mount}` })
    }
    const id = randomBytes(6).toString('hex')
    uploads.set(id, Buffer.alloc(0))
    return end(response, 202, progress(repository, id))
  }

  function progress(repository: string, id: string): Record<string, string> {
    const path = `/v2/${repository}/blobs/uploads/${id}?_state=a%2Bb%3D~`
    const received = uploads.get(id)?.length ?? 0
    return {
      location: dialect.locations === 'absolute' ? `http://${registry.host}${path}` : path,
      range: `0-${Math.max(0, received - 1)}`,
      ...(dialect.minChunkBytes && { 'oci-chunk-min-length': String(dialect.minChunkBytes) }),
    }
  }

  function readBlob(request: RecordedRequest, response: ServerResponse, key: string): ServerResponse {
    const digest = key.slice(key.indexOf('@') + 1)
    const bytes = known.has(key) ? registry.blobs.get(digest) : undefined
    if (bytes === undefined) return end(response, 404, {}, errorBody('BLOB_UNKNOWN', 'blob unknown'))
    if (request.method === 'HEAD') return end(response, 200, { 'content-length': String(bytes.length) })
    if (dialect.redirectBlobs) {
      return end(response, 307, { location: `http://${registry.storageHost}/storage/${digest}` })
    }
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    return end(response, start > 0 ? 206 : 200, {}, bytes.subarray(start))
  }

  type ManifestName = { repository: string; reference: string }

  function manifest(
    request: RecordedRequest,
    response: ServerResponse,
    { repository, reference }: ManifestName,
  ): ServerResponse {
    const key = `${repository}@${reference}`
    if (request.method === 'DELETE' && dialect.keepsManifests) return end(response, 405)
    if (request.method !== 'PUT') {
      const bytes = registry.manifests.get(key)
      if (bytes !== undefined && request.method === 'DELETE') {
        for (const [name, other] of registry.manifests) {
          if (name.startsWith(`${repository}@`) && other.equals(bytes)) registry.manifests.delete(name)
        }
        return end(response, 202)
      }
      if (bytes === undefined) return end(response, 404, {}, errorBody('MANIFEST_UNKNOWN', 'manifest unknown'))
      const digest = dialect.withoutDigestHeader ? {} : { 'docker-content-digest': sha256(bytes) }
      const { mediaType } = JSON.parse(bytes.toString())
      return end(response, 200, { 'content-type': mediaType, ...digest }, request.method === 'HEAD' ? '' : bytes)
    }
    const { subject, config, layers = [] } = JSON.parse(request.body.toString())
    for (const { digest } of config ? [config, ...layers] : []) {
      if (!known.has(`${repository}@${digest}`)) {
        return end(response, 400, {}, errorBody('MANIFEST_BLOB_UNKNOWN', `unknown blob ${digest}`))
      }
    }
    registry.manifests.set(key, request.body)
    registry.manifests.set(`${repository}@${sha256(request.body)}`, request.body)
    const taken = subject && dialect.referrersPageSize ? { 'oci-subject': subject.digest } : {}
    return end(response, 201, { 'docker-content-digest': sha256(request.body), ...taken })
  }

  function referrers(response: ServerResponse, url: URL, repository: string, subject: string): ServerResponse {
    const all = [...registry.manifests]
      .filter(([key]) => key.startsWith(`${repository}@sha256:`))
      .map(([, bytes]) => ({ bytes, parsed: JSON.parse(bytes.toString()) }))
      .filter(({ parsed }) => parsed.subject?.digest === subject)
      .map(({ bytes, parsed: { mediaType, artifactType, annotations } }) => {
        return { mediaType, digest: sha256(bytes), size: bytes.length, artifactType, annotations }
      })
    const pageSize = dialect.referrersPageSize ?? 1
    const from = Number(url.searchParams.get('from') ?? 0)
    const next = `</v2/${repository}/referrers/${subject}?from=${from + pageSize}>; rel="next"`
    return end(
      response,
      200,
      {
        'content-type': 'application/vnd.oci.image.index.v1+json',
        ...(from + pageSize < all.length && { link: next }),
      },
      JSON.stringify({ schemaVersion: 2, manifests: all.slice(from, from + pageSize) }),
    )
  }
}

export const errorBody = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] })

export function end(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body: string | Uint8Array = '',
): ServerResponse {
  response.writeHead(status, headers)
  return response.end(body)
}

type Handler = (request: RecordedRequest, response: ServerResponse) => Promise<unknown> | unknown

async function listen(test: TestContext, handle: Handler): Promise<string> {
  const server: Server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    // A client that went away is none of the registry's business.
    incoming.on('error', () => {})
    for await (const chunk of incoming) chunks.push(chunk)
    const { method = '', url = '', headers } = incoming
    await handle({ method, url, headers, body: Buffer.concat(chunks) }, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
