/**
 * Stands between the SDK and the emulator of AWS: counts calls, and answers some of them as AWS does on a bad day.
 * Signatures stay good: requests go on as they came.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AwsPart, awsEnvironment } from './aws.ts'

export type AwsFault =
  | { kind: 'throttle' }
  | { kind: 'expired' }
  /** As AWS says it: who may not do what on what. */
  | { kind: 'denied'; permission: string; resource?: string }
  | { kind: 'error'; name: string; message: string; status: number }
  /** A page of HTML, as of a proxy or a broken gateway. */
  | { kind: 'html'; status: number }
  /** No answer, for as long as the asker waits. */
  | { kind: 'hang' }
  /** The connection is cut before AWS sees the call. */
  | { kind: 'cut' }
  /** AWS does what it is asked, and the answer is lost. */
  | { kind: 'lose' }
  /** The answer breaks off in the middle of its body. */
  | { kind: 'half' }

export type AwsFaults = {
  endpoint: string
  /** As of the emulator, through here. */
  environment: Record<string, string>
  access: AwsPart['access']
  /**
   * Answers the next calls whose action matches with this fault; `times` of them (default: all). The latest rule counts.
   * `after` so many that pass. `strikes` is told of each call that it hits, before that is answered.
   */
  fault(action: string | RegExp, fault: AwsFault, options?: FaultOptions): void
  /**
   * Who asks dies once so many matching calls have passed: AWS carries one more out, nobody hears its answer, and
   * nothing that is asked after it reaches AWS until `clear`. Resolves then; with false where `clear` comes first.
   */
  death(action: string | RegExp, after: number): Promise<boolean>
  /**
   * Actions asked for so far: `codedeploy:CreateDeployment`, `s3:PutObject`; where a protocol names none,
   * `lambda:GET /2015-03-31/functions/shop`.
   */
  calls(action?: string | RegExp): string[]
  /** How many of a service's calls were under way at a time, at most. */
  mostAtOnce(service: string): number
  /** Forgets rules and calls. */
  clear(): void
  stop(): Promise<void>
}

export type FaultOptions = { times?: number; after?: number; strikes?(action: string): void }

type Rule = { action: string | RegExp; fault: AwsFault; left: number; after: number; strikes(action: string): void }

export async function startFaults(aws: AwsPart): Promise<AwsFaults> {
  let rules: Rule[] = []
  let calls: string[] = []
  let most = new Map<string, number>()
  const underWay = new Map<string, number>()

  function countAtOnce(service: string, outgoing: ServerResponse): void {
    const count = (underWay.get(service) ?? 0) + 1
    underWay.set(service, count)
    most.set(service, Math.max(count, most.get(service) ?? 0))
    outgoing.once('close', () => underWay.set(service, (underWay.get(service) ?? 1) - 1))
  }

  let dying: { action: string | RegExp; left: number; told(isDead: boolean): void } | null = null
  let isDead = false

  /** Whether this call is its last. */
  function isLast(action: string): boolean {
    if (dying === null || !matches(dying.action, action)) return false
    return dying.left-- === 0
  }

  const matches = (pattern: string | RegExp, action: string) =>
    typeof pattern === 'string' ? pattern === action : pattern.test(action)

  function faultFor(action: string): AwsFault | null {
    for (const rule of rules) {
      if (rule.left === 0 || !matches(rule.action, action)) continue
      if (rule.after-- > 0) continue
      rule.left--
      rule.strikes(action)
      return rule.fault
    }
    return null
  }

  const server = createServer((incoming, outgoing) => {
    outgoing.on('error', () => {})
    void bodyOf(incoming).then(
      (body) => {
        const call = readCall(incoming, body)
        calls.push(call.action)
        countAtOnce(call.service, outgoing)
        if (isDead) return
        if (isLast(call.action)) {
          isDead = true
          forward(aws.endpoint, incoming, body, null, () => dying?.told(true))
          return
        }
        const fault = faultFor(call.action)
        if (fault === null) forward(aws.endpoint, incoming, body, outgoing)
        else if (fault.kind === 'half') forward(aws.endpoint, incoming, body, outgoing, undefined, answerHalf)
        else inject(fault, call, () => forward(aws.endpoint, incoming, body, null), outgoing)
      },
      () => outgoing.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    endpoint,
    environment: awsEnvironment(endpoint),
    access: { ...aws.access, endpoint },
    fault(action, fault, { times = Number.POSITIVE_INFINITY, after = 0, strikes = () => {} } = {}) {
      rules = [{ action, fault, left: times, after, strikes }, ...rules]
    },
    death: (action, after) =>
      new Promise((told) => {
        dying = { action, left: after, told }
      }),
    calls: (action) => calls.filter((call) => action === undefined || matches(action, call)),
    mostAtOnce: (service) => most.get(service) ?? 0,
    clear() {
      rules = []
      calls = []
      dying?.told(false)
      dying = null
      isDead = false
      most = new Map()
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

type Call = { service: string; action: string; speaks: 'json' | 'query' | 's3' | 'xml' }

function readCall({ url = '/', method, headers }: IncomingMessage, body: Buffer): Call {
  const [, , , service = 'sts'] = /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1]?.split('/') ?? []
  const target = String(headers['x-amz-target'] ?? '')
    .split('.')
    .at(-1)
  if (target) return { service, action: `${service}:${target}`, speaks: 'json' }
  const asked = new URL(url, 'http://aws')
  const form = String(headers['content-type']).includes('x-www-form-urlencoded')
  const action = (form ? new URLSearchParams(body.toString()).get('Action') : null) ?? asked.searchParams.get('Action')
  if (action !== null) return { service, action: `${service}:${action}`, speaks: 'query' }
  const speaks = service === 's3' ? 's3' : service === 'cloudfront' ? 'xml' : 'json'
  const rpc = /\/operation\/(\w+)$/.exec(asked.pathname)?.[1]
  const name = rpc ?? asked.searchParams.get('x-id') ?? (service === 's3' ? s3Action(method, asked) : null)
  return { service, action: `${service}:${name ?? `${method} ${asked.pathname}`}`, speaks }
}

/** Calls of S3 whose name is not in the address. */
function s3Action(method: string | undefined, { searchParams, pathname }: URL): string | null {
  const has = (name: string) => searchParams.has(name)
  if (method === 'GET' && has('list-type')) return 'ListObjectsV2'
  if (method === 'POST' && has('uploads')) return 'CreateMultipartUpload'
  if (method === 'POST' && has('uploadId')) return 'CompleteMultipartUpload'
  if (method === 'POST' && has('delete')) return 'DeleteObjects'
  if (method === 'HEAD') return pathname.split('/').filter(Boolean).length > 1 ? 'HeadObject' : 'HeadBucket'
  return null
}

function answerWhole(answer: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.pipe(outgoing)
}

function answerHalf(answer: IncomingMessage, outgoing: ServerResponse): void {
  void bodyOf(answer).then((body) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy())
  })
}

function forward(
  endpoint: string,
  incoming: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse | null,
  carriedOut: () => void = () => {},
  answerWith = answerWhole,
): void {
  const { hostname, port } = new URL(endpoint)
  const { 'transfer-encoding': _, ...headers } = incoming.headers
  const onward = request(
    {
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: { ...headers, 'content-length': body.length },
    },
    (answer) => {
      if (outgoing === null) {
        answer.on('end', carriedOut).resume()
        return
      }
      answerWith(answer, outgoing)
    },
  )
  onward.on('error', () => outgoing?.destroy())
  onward.end(body)
}

function inject(
  fault: Exclude<AwsFault, { kind: 'half' }>,
  call: Call,
  pass: () => void,
  outgoing: ServerResponse,
): void {
  switch (fault.kind) {
    case 'hang':
      break
    case 'cut':
      outgoing.destroy()
      break
    case 'lose':
      pass()
      outgoing.destroy()
      break
    case 'html':
      outgoing.writeHead(fault.status, { 'content-type': 'text/html' })
      outgoing.end('<!doctype html><html><body><h1>It is not you, it is us</h1></body></html>')
      break
    default:
      answer(outgoing, call, errorOf(fault, call))
  }
}

type SaidError = { name: string; message: string; status: number }

function errorOf(fault: AwsFault & { kind: 'throttle' | 'expired' | 'denied' | 'error' }, call: Call): SaidError {
  const isJson = call.speaks === 'json'
  switch (fault.kind) {
    case 'error':
      return fault
    case 'throttle':
      return throttling(call)
    case 'expired':
      return {
        name: isJson ? 'ExpiredTokenException' : 'ExpiredToken',
        message: 'The security token included in the request is expired',
        status: isJson ? 400 : 403,
      }
    case 'denied':
      return {
        name: isJson ? 'AccessDeniedException' : 'AccessDenied',
        message: denial(fault.permission, fault.resource ?? '*'),
        status: call.service === 'lambda' || !isJson ? 403 : 400,
      }
  }
}

const denial = (permission: string, resource: string) =>
  `User: arn:aws:sts::123456789012:assumed-role/deployer/trunkline-shop is not authorized to perform: ${permission} ` +
  `on resource: ${resource} because no identity-based policy allows the ${permission} action`

function throttling({ service, speaks }: Call): SaidError {
  if (speaks === 's3') return { name: 'SlowDown', message: 'Please reduce your request rate.', status: 503 }
  if (service === 'lambda') return { name: 'TooManyRequestsException', message: 'Rate exceeded', status: 429 }
  return { name: speaks === 'query' ? 'Throttling' : 'ThrottlingException', message: 'Rate exceeded', status: 400 }
}

/** An error in the words of the call's protocol. */
function answer(outgoing: ServerResponse, { speaks }: Call, { name, message, status }: SaidError): void {
  if (speaks === 'json') {
    outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': name })
    outgoing.end(JSON.stringify({ __type: name, message }))
    return
  }
  const error = `<Code>${name}</Code><Message>${message}</Message>`
  outgoing.writeHead(status, { 'content-type': 'application/xml' })
  outgoing.end(
    speaks === 's3'
      ? `<?xml version="1.0"?><Error>${error}<RequestId>1</RequestId></Error>`
      : `<?xml version="1.0"?><ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>1</RequestId></ErrorResponse>`,
  )
}
