import { erroredError } from '../../model/index.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'

const maxRedirects = 5

/**
 * A transport that follows redirects. `Authorization` goes to the origin it is meant for and nowhere else: registries
 * send readers to blob storage at another host, whose logs have no business with it.
 */
export function followingRedirects(transport: Transport, origin: string): Transport {
  return async (request, signal) => {
    let current = request
    for (let followed = 0; ; followed++) {
      const response = await transport(withoutStrangersSeeing(current, origin), signal)
      const location = redirectOf(current, response)
      if (location === null) return response
      response.body.on('error', () => {}).destroy()
      if (followed === maxRedirects) throw tooMany(request.url)
      current = { ...current, url: resolveLocation(location, current.url) }
    }
  }
}

function withoutStrangersSeeing(request: HttpRequest, origin: string): HttpRequest {
  if (new URL(request.url).origin === origin) return request
  const { authorization: _, ...headers } = request.headers
  return { ...request, headers }
}

/** 307 and 308 keep the method and the body; the older ones are followed for reading only. */
function redirectOf({ method }: HttpRequest, { status, headers }: HttpResponse): string | null {
  const reading = method === 'GET' || method === 'HEAD'
  const follows = status === 307 || status === 308 || (reading && (status === 301 || status === 302 || status === 303))
  return follows ? (headers['location'] ?? null) : null
}

/**
 * The absolute form of a `Location`, relative or absolute. One that differs from `base` by `http` alone is meant to
 * be `https`: registries behind a proxy that ends TLS do not know better. Refused are any other way back to plain
 * http, addresses that are none of the web (`file:`), and this machine's own: a registry elsewhere has no business
 * with what listens here, or with a cloud's metadata service.
 */
export function resolveLocation(location: string, base: string): string {
  const from = new URL(base)
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null
  if (to === null || (to.protocol !== 'https:' && to.protocol !== 'http:')) {
    throw unsafe(from, `an address that is none of the web: ${JSON.stringify(location.slice(0, 100))}`)
  }
  if (isOwnAddress(to.hostname) && !isOwnAddress(from.hostname)) {
    throw unsafe(from, `${to.host}, which is this machine's own`)
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    if (to.hostname !== from.hostname) {
      throw erroredError('REGISTRY_INSECURE_REDIRECT', `${from.host} leads to ${to.host} without encryption`, {
        hint: 'the registry is set up wrongly: its own or its storage’s public address must be https',
      })
    }
    to.protocol = 'https:'
    to.port = from.port
  }
  // A location is no place for credentials; the HTTP client would refuse them with another sentence.
  to.username = ''
  to.password = ''
  return to.href
}

/** Loopback, link-local (metadata services live there) and unspecified addresses. `URL` has put them in one form. */
const isOwnAddress = (hostname: string): boolean =>
  /^(?:localhost\.?|.*\.localhost\.?|127\..*|169\.254\..*|0\.0\.0\.0|\[::1?\]|\[::ffff:(?:7f|a9fe|0:).*|\[fe[89ab].*)$/.test(
    hostname,
  )

const unsafe = (from: URL, where: string) =>
  erroredError('REGISTRY_UNSAFE_REDIRECT', `${from.host} leads to ${where}`, {
    hint: 'Trunkline does not follow; look into what the registry answers before you use it again',
  })

const tooMany = (url: string) =>
  erroredError('REGISTRY_REDIRECTS', `${new URL(url).host} leads from one address to the next without end`)
