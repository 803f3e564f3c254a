import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from 'undici'
import { sanitizeTerminal } from '../masking/index.ts'
import { cancelledError, passed, reason, type Verdict } from '../model/index.ts'
import type { HttpProbe } from '../ports/index.ts'

type ProbeRequest = Parameters<HttpProbe['probe']>[0]

/** One answer, or why there was none. */
type Attempt =
  | { kind: 'answered'; status: number; body: string; location: string | null; isBodyCut: boolean }
  | { kind: 'unanswered'; why: string }

/** A service that hangs on one request may answer the next. */
const maxAttemptMs = 10_000
/** Less is no fair chance. */
const minAttemptMs = 50
const firstPauseMs = 100
const maxPauseMs = 1000
/** What `contains` is looked for in; a page that proves health is small. */
const maxBodyBytes = 1024 * 1024
const maxShownLength = 200

/** Polls over HTTP, without keep-alive and without following redirects: what is asked is what answers. */
export function createHttpProbe(): HttpProbe {
  return {
    async probe(request, signal) {
      // The client is loaded by who probes; `--help` does not wait for it.
      const { Agent } = await import('undici')
      const agent = new Agent({ pipelining: 0, connect: { timeout: maxAttemptMs } })
      try {
        return await poll(request, agent, signal)
      } finally {
        await agent.destroy()
      }
    },
  }
}

async function poll(request: ProbeRequest, agent: Agent, signal: AbortSignal): Promise<Verdict> {
  const startedAt = performance.now()
  const remainingMs = () => request.timeoutMs - (performance.now() - startedAt)
  let pauseMs = firstPauseMs
  let telling: Attempt | undefined
  for (let attempts = 1; ; attempts += 1) {
    const limitMs = Math.min(maxAttemptMs, Math.max(remainingMs(), minAttemptMs))
    const attempt = await ask(request.url, agent, limitMs, signal)
    if (signal.aborted) throw cancelled(request.url)
    if (isExpected(attempt, request)) return passed
    // A last try that was cut short by the end of the time says less than the one before.
    if (telling === undefined || attempt.kind === 'answered' || limitMs === maxAttemptMs) telling = attempt
    if (remainingMs() <= minAttemptMs) return failedVerdict(request, telling, attempts)
    const untilLastTryMs = remainingMs() - minAttemptMs
    await sleep(Math.min(pauseMs, untilLastTryMs), undefined, { signal }).catch(() => {
      throw cancelled(request.url)
    })
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  }
}

const cancelled = (url: string) => cancelledError(`the probe of ${url} was cancelled`)

const isExpected = (attempt: Attempt, { status, contains }: ProbeRequest): boolean =>
  attempt.kind === 'answered' && attempt.status === status && (contains === null || attempt.body.includes(contains))

async function ask(url: string, agent: Agent, timeoutMs: number, signal: AbortSignal): Promise<Attempt> {
  const { request } = await import('undici')
  const limit = AbortSignal.timeout(Math.ceil(timeoutMs))
  try {
    const answer = await request(url, {
      dispatcher: agent,
      signal: AbortSignal.any([signal, limit]),
      headers: { 'user-agent': 'trunkline-probe', accept: '*/*', 'accept-encoding': 'identity' },
    })
    const { text, isCut } = await readBounded(answer.body)
    const location = answer.headers['location']
    return {
      kind: 'answered',
      status: answer.statusCode,
      body: text,
      location: typeof location === 'string' ? location : null,
      isBodyCut: isCut,
    }
  } catch (cause) {
    return { kind: 'unanswered', why: limit.aborted ? `no answer within ${Math.round(timeoutMs)} ms` : describe(cause) }
  }
}

async function readBounded(body: AsyncIterable<Buffer> & { destroy(): unknown }) {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBodyBytes) break
  }
  return { text: Buffer.concat(chunks).subarray(0, maxBodyBytes).toString('utf8'), isCut: size > maxBodyBytes }
}

/** `connect ECONNREFUSED 127.0.0.1:80`: of several addresses that were tried, the first one's trouble. */
function describe(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message
  return cause instanceof Error ? cause.message : String(cause)
}

function failedVerdict(request: ProbeRequest, last: Attempt, attempts: number): Verdict {
  const { url, timeoutMs } = request
  const tried = `${url} did not ${expectation(request)} within ${timeoutMs / 1000} s (${attempts} ${attempts === 1 ? 'try' : 'tries'})`
  return { ok: false, reasons: [reason('probe-failed', `${tried}; the last time ${account(last, request)}`)] }
}

const expectation = ({ status, contains }: ProbeRequest): string =>
  contains === null ? `answer ${status}` : `answer ${status} with ${JSON.stringify(contains)} in it`

function account(attempt: Attempt, { status }: ProbeRequest): string {
  if (attempt.kind === 'unanswered') return `it failed: ${attempt.why}`
  if (attempt.location !== null && attempt.status !== status) {
    return `it answered ${attempt.status} and pointed to ${shown(attempt.location)}`
  }
  const firstLine = shown(attempt.body.trimStart().split('\n', 1)[0] ?? '')
  const cut = attempt.isBodyCut ? `, of which the first ${maxBodyBytes} bytes were read` : ''
  return `it answered ${attempt.status} ${firstLine === '' ? 'with an empty body' : `with: ${firstLine}`}${cut}`
}

const shown = (text: string): string => {
  const line = sanitizeTerminal(text).trim()
  return line.length > maxShownLength ? `${line.slice(0, maxShownLength)}…` : line
}
