/** A request of AWS as an address that others can call for us for a while: Signature Version 4 in the query. */
import { createHash, createHmac } from 'node:crypto'
import type { AwsCredentialIdentity } from '@smithy/types'

export type Presigned = {
  url: URL
  /** Signed too: who calls must send them as they are. */
  headers: Record<string, string>
  credentials: AwsCredentialIdentity
  region: string
  /** `sts` */
  service: string
  nowMs: number
  expiresSeconds: number
  /** Default: of no body. */
  payloadHash?: string
}

/** A GET. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
export function presign({ url, headers, credentials, region, service, nowMs, ...rest }: Presigned): URL {
  const at = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const scope = `${at.slice(0, 8)}/${region}/${service}/aws4_request`
  const signed = Object.entries({ ...headers, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
  const names = signed.map(([name]) => name).join(';')
  const query = [
    ...url.searchParams,
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', at],
    ['X-Amz-Expires', String(rest.expiresSeconds)],
    ...(credentials.sessionToken === undefined ? [] : [['X-Amz-Security-Token', credentials.sessionToken]]),
    ['X-Amz-SignedHeaders', names],
  ]
    .map(([name = '', value = '']) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
  const request = [
    'GET',
    url.pathname,
    query,
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    rest.payloadHash ?? sha256(''),
  ].join('\n')
  const key = [at.slice(0, 8), region, service, 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  )
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256(request)].join('\n')
  const signature = createHmac('sha256', key).update(text).digest('hex')
  return new URL(`${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature}`)
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** As AWS wants it: `encodeURIComponent` leaves a few that it does not. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
