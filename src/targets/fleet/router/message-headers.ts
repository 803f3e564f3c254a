/** Headers on their way through: what concerns one connection only is taken out, where a request came from is put in. */
import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

/** RFC 9110, 7.6.1; `trailer` is no such header and stays. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
])
/** Lengths of these names: tells most other headers apart without a lower-case copy of their names. */
const hopByHopLengths = new Set([...hopByHop].map((name) => name.length))

const isHopByHop = (name: string): boolean => hopByHopLengths.has(name.length) && hopByHop.has(name.toLowerCase())

/** What `Connection` may not name: taking these out would change the message, or hide where it came from. */
const endToEnd = new Set(['host', 'content-length', 'content-type', 'authorization', 'cookie', 'forwarded'])

export type RequestHead = {
  /** Flat list of names and values. */
  headers: string[]
  hasBody: boolean
  /** The body comes in chunks: its length is not known. */
  isChunked: boolean
  /** How many say which host is meant. */
  hosts: number
}

/**
 * The headers for the backend. Nothing here ends TLS, so a proxy in front may have said what the client used:
 * `X-Forwarded-Proto` and `-Host` are kept where they are given, `X-Forwarded-For` is continued.
 */
export function requestHead(req: IncomingMessage): RequestHead {
  const raw = req.rawHeaders
  const headers: string[] = []
  let hasBody = false
  let isChunked = false
  let connection = ''
  let host = ''
  let hosts = 0
  let forwardedFor = ''
  let isProtoGiven = false
  let isHostGiven = false

  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    switch (name.length) {
      case 2:
        // The one word of it that the router itself can keep: trailers pass.
        if (isNamed(name, 'te') && value.toLowerCase().includes('trailers')) headers.push('te', 'trailers')
        if (isNamed(name, 'te')) continue
        break
      case 4:
        if (isNamed(name, 'host')) {
          host = value
          hosts += 1
        }
        break
      case 6:
        // The router answers it itself, once a backend has been found.
        if (isNamed(name, 'expect')) continue
        break
      case 10:
        if (isNamed(name, 'connection')) connection = connection === '' ? value : `${connection},${value}`
        break
      case 14:
        if (isNamed(name, 'content-length')) hasBody ||= value !== '0'
        break
      case 15:
        if (isNamed(name, 'x-forwarded-for')) {
          forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`
          continue
        }
        break
      case 16:
        if (isNamed(name, 'x-forwarded-host')) isHostGiven = true
        break
      case 17:
        if (isNamed(name, 'x-forwarded-proto')) isProtoGiven = true
        if (isNamed(name, 'transfer-encoding')) isChunked = true
        break
    }
    if (!isHopByHop(name)) headers.push(name, value)
  }

  const kept = namesOptions(connection) ? withoutOptions(headers, connection) : headers
  const client = clientAddress(req)
  kept.push('x-forwarded-for', forwardedFor === '' ? client : `${forwardedFor}, ${client}`)
  if (!isProtoGiven) kept.push('x-forwarded-proto', 'http')
  if (!isHostGiven && host !== '') kept.push('x-forwarded-host', host)
  return { headers: kept, hasBody: hasBody || isChunked, isChunked, hosts }
}

/** The head of a request as it goes over the wire, without the empty line at its end. */
export function wireHead(
  method: string,
  path: string,
  { headers, hosts }: RequestHead,
  backend: { host: string; port: number },
): string {
  let head = `${method} ${path} HTTP/1.1\r\n`
  // HTTP/1.0 need not say it, HTTP/1.1 must.
  if (hosts === 0) head += `host: ${isIPv6(backend.host) ? `[${backend.host}]` : backend.host}:${backend.port}\r\n`
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`
  return `${head}connection: keep-alive\r\n`
}

const isNamed = (name: string, lowerCase: string): boolean => name === lowerCase || name.toLowerCase() === lowerCase

/** IPv4 as such, also where the socket is of both families. */
function clientAddress(req: IncomingMessage): string {
  const address = req.socket.remoteAddress ?? 'unknown'
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** Whether a `Connection` value names headers, which it hardly ever does. */
function namesOptions(connection: string): boolean {
  if (connection === '' || connection === 'keep-alive' || connection === 'close') return false
  return !/^(?:keep-alive|close|upgrade)$/i.test(connection)
}

function withoutOptions(headers: readonly string[], connection: string): string[] {
  const options = new Set(connection.split(',').map((option) => option.trim().toLowerCase()))
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const lowerCase = name.toLowerCase()
    const isTakenOut = options.has(lowerCase) && !endToEnd.has(lowerCase) && !lowerCase.startsWith('x-forwarded-')
    // `te: trailers` is the router's own word by now.
    if (!isTakenOut || lowerCase === 'te') kept.push(name, headers[at + 1] ?? '')
  }
  return kept
}

/**
 * The headers for the client, flat. `canTrail`: whether the client's protocol leaves room for trailers; where it does
 * not, or the length is known, they are not announced.
 */
export function responseHeaders(raw: readonly string[], canTrail: boolean): string[] {
  const headers: string[] = []
  let connection = ''
  let trailer = ''
  let isLengthKnown = false

  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    switch (name.length) {
      case 7:
        if (isNamed(name, 'trailer')) {
          trailer = value
          continue
        }
        break
      case 10:
        if (isNamed(name, 'connection')) connection = value
        break
      case 14:
        if (isNamed(name, 'content-length')) isLengthKnown = true
        break
    }
    if (!isHopByHop(name)) headers.push(name, value)
  }
  if (trailer !== '' && canTrail && !isLengthKnown) headers.push('trailer', trailer)
  return namesOptions(connection) ? withoutOptions(headers, connection) : headers
}

/** What must not come after a body: it says how the message is read or routed (RFC 9110, 6.5.1), or who asks. */
const neverTrailing = new Set([...hopByHop, ...endToEnd, 'trailer', 'content-encoding', 'content-range', 'expect'])

/** Trailers of either side for the other, flat, without those that a trailer may not be. */
export function passedTrailers(raw: readonly string[]): string[] {
  const trailers: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const lowerCase = name.toLowerCase()
    if (!neverTrailing.has(lowerCase) && !lowerCase.startsWith('x-forwarded-')) trailers.push(name, raw[at + 1] ?? '')
  }
  return trailers
}

/** Trailers as Node takes them. */
export function trailerPairs(raw: readonly string[]): Array<[string, string]> {
  const pairs: Array<[string, string]> = []
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return pairs
}
