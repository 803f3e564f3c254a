/** Learns how a registry wants to be authorized, and keeps the tokens it gives. */
import * as z from 'zod'
import { erroredError } from '../../model/index.ts'
import { parseChallenges } from './challenge.ts'
import { type Credentials, findCredentials } from './credentials.ts'
import type { RepositoryReference } from './reference.ts'
import type { HttpRequest } from './transport.ts'

/** A whole small response. */
export type Exchange = (
  request: HttpRequest,
  signal: AbortSignal,
) => Promise<{ status: number; headers: Record<string, string>; bytes: Uint8Array }>

export type Authorizer = {
  /** The `Authorization` header for what `scopes` ask for; null: none is needed or none can be had. */
  header(scopes: readonly string[], signal: AbortSignal): Promise<string | null>
  /** After a 401: takes up its challenge and drops the token that did not do. */
  challenged(challenge: string, scopes: readonly string[]): void
  /** Whose credentials are used; null: nobody's. */
  account(signal: AbortSignal): Promise<string | null>
}

type Mode = { kind: 'none' } | { kind: 'basic' } | { kind: 'bearer'; realm: string; service: string | null }

type Token = { value: string; expiresAtMs: number }

const tokenSchema = z
  .object({ token: z.string().optional(), access_token: z.string().optional(), expires_in: z.number().optional() })
  .transform(({ token, access_token, expires_in }) => ({
    value: token || access_token || '',
    expiresSeconds: expires_in,
  }))

/** What a token lives where its giver does not say: https://distribution.github.io/distribution/spec/auth/token/ */
const defaultTokenSeconds = 60

export function createAuthorizer(
  reference: RepositoryReference,
  environment: NodeJS.ProcessEnv,
  exchange: Exchange,
  login?: (signal: AbortSignal) => Promise<Credentials>,
): Authorizer {
  let mode: Mode | null = null
  let credentials: Promise<Credentials | null> | null = null
  const tokens = new Map<string, Token>()
  const underWay = new Map<string, Promise<Token>>()

  function findOnce(signal: AbortSignal): Promise<Credentials | null> {
    const { host, name: repository } = reference
    credentials ??= findCredentials({ host, repository, environment, signal, ...(login && { login }) }).catch(
      (error) => {
        credentials = null
        throw error
      },
    )
    return credentials
  }

  /** Asks before the first upload: a body sent in vain is dear. */
  async function learnMode(signal: AbortSignal): Promise<Mode> {
    const { status, headers } = await exchange({ method: 'GET', url: `${reference.origin}/v2/`, headers: {} }, signal)
    return status === 401 ? modeFrom(headers['www-authenticate'] ?? '') : { kind: 'none' }
  }

  function modeFrom(header: string): Mode {
    const challenges = parseChallenges(header)
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters
    if (bearer?.['realm'])
      return { kind: 'bearer', realm: checkedRealm(bearer['realm']), service: bearer['service'] ?? null }
    if (challenges.some(({ scheme }) => scheme === 'basic')) return { kind: 'basic' }
    throw erroredError('REGISTRY_AUTHORIZATION', `${reference.host} asks for a login in an unknown way`, {
      hint: 'Trunkline knows Basic and Bearer token authorization',
    })
  }

  /** Credentials go there: over TLS, unless the registry itself is plain and the token service is on the same host. */
  function checkedRealm(realm: string): string {
    const url = URL.canParse(realm) ? new URL(realm) : null
    const own = new URL(reference.origin)
    const isSameHost = url?.hostname === own.hostname && own.protocol === 'http:'
    const isPlain = url?.username === '' && url.password === ''
    if (isPlain && (url.protocol === 'https:' || (url.protocol === 'http:' && isSameHost))) return url.href
    throw erroredError('REGISTRY_AUTHORIZATION', `${reference.host} names a token service that is not safe to use`, {
      hint: 'the realm in its WWW-Authenticate header must be an https URL, or on the host of a plain http registry',
    })
  }

  async function bearerToken(bearer: Mode & { kind: 'bearer' }, scopes: readonly string[], signal: AbortSignal) {
    const key = scopes.join(' ')
    const known = tokens.get(key)
    if (known !== undefined && performance.now() < known.expiresAtMs) return known
    const fetching = underWay.get(key) ?? fetchToken(bearer, scopes, signal)
    underWay.set(key, fetching)
    try {
      const token = await fetching
      tokens.set(key, token)
      return token
    } finally {
      underWay.delete(key)
    }
  }

  async function fetchToken(bearer: Mode & { kind: 'bearer' }, scopes: readonly string[], signal: AbortSignal) {
    const found = await findOnce(signal)
    const askedAtMs = performance.now()
    const { bytes } = await exchange(tokenRequest(bearer, scopes, found), signal)
    return { ...parseToken(bytes, askedAtMs) }
  }

  function parseToken(bytes: Uint8Array, askedAtMs: number): Token {
    try {
      const { value, expiresSeconds } = tokenSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
      // What is no token (RFC 6750) is no header either.
      if (!/^[\x21-\x7e]+$/.test(value)) throw new Error('no token')
      // Nine tenths of its life: it must last for the request it is about to authorize.
      return { value, expiresAtMs: askedAtMs + 900 * (expiresSeconds || defaultTokenSeconds) }
    } catch {
      // Without the cause: it would quote the token.
      throw erroredError('REGISTRY_AUTHORIZATION', `the token service of ${reference.host} answered with no token`)
    }
  }

  return {
    async header(scopes, signal) {
      mode ??= await learnMode(signal)
      if (mode.kind === 'none') return null
      if (mode.kind === 'bearer') return `Bearer ${(await bearerToken(mode, scopes, signal)).value}`
      const found = await findOnce(signal)
      return found?.kind === 'password' ? basic(found.user, found.password) : null
    },

    challenged(challenge, scopes) {
      tokens.delete(scopes.join(' '))
      // A helper's password may have expired (ECR: after twelve hours), and it gives a new one.
      credentials = null
      if (challenge !== '') mode = modeFrom(challenge)
    },

    async account(signal) {
      const found = await findOnce(signal)
      return found === null ? null : found.kind === 'password' ? found.user : '(identity token)'
    },
  }
}

function tokenRequest(
  { realm, service }: Mode & { kind: 'bearer' },
  scopes: readonly string[],
  credentials: Credentials | null,
): HttpRequest {
  const asked = new URLSearchParams(service === null ? {} : { service })
  if (credentials?.kind === 'identity-token') {
    asked.set('scope', scopes.join(' '))
    asked.set('grant_type', 'refresh_token')
    asked.set('client_id', 'trunkline')
    asked.set('refresh_token', credentials.token)
    const form = Buffer.from(asked.toString())
    return {
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: { size: form.length, open: () => once(form) },
    }
  }
  for (const scope of scopes) asked.append('scope', scope)
  const url = new URL(realm)
  for (const [name, value] of asked) url.searchParams.append(name, value)
  const headers: Record<string, string> =
    credentials === null ? {} : { authorization: basic(credentials.user, credentials.password) }
  return { method: 'GET', url: url.href, headers }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
