/** Pull requests of GitHub and merge requests of GitLab: found, opened and looked at through their APIs. */

import { withoutCredentials } from '../../../git/index.ts'
import { erroredError, type PullRequestConfig, refusedError, usageError } from '../../../model/index.ts'

export type PullRequest = {
  /** For people. */
  url: string
  number: number
  state: 'open' | 'merged' | 'closed'
}

export type PullRequestHost = {
  /** The newest of this branch; null where there is none. */
  find(branch: string, into: string, signal: AbortSignal): Promise<PullRequest | null>
  open(
    request: { branch: string; into: string; title: string; body: string },
    signal: AbortSignal,
  ): Promise<PullRequest>
  look(number: number, signal: AbortSignal): Promise<PullRequest>
}

export type PullRequestHostOptions = {
  config: PullRequestConfig
  /** URL of the manifest repository: its path names it at the host. */
  repository: string
  /** Variables of this process, among them the token. */
  variables: NodeJS.ProcessEnv
}

const requestTimeoutMs = 30_000
const maxAnswerBytes = 4 * 1024 * 1024

export function openPullRequestHost({ config, repository, variables }: PullRequestHostOptions): PullRequestHost {
  const name = repositoryName(repository)
  const token = tokenOf(config, variables)
  const base = (config.url ?? publicApis[config.api]).replace(/\/+$/, '')
  const ask = asker(base, config.api, token)
  return config.api === 'github' ? github(ask, name) : gitlab(ask, name)
}

const publicApis = { github: 'https://api.github.com', gitlab: 'https://gitlab.com/api/v4' } as const

/** `owner/name`, with groups at GitLab: from a URL or from what `git clone` takes for SSH. */
export function repositoryName(repository: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(repository) ? URL.parse(repository) : null
  const path =
    url === null ? /^[^/]+:(?!\/\/)(.+)$/.exec(repository)?.[1] : url.protocol === 'file:' ? undefined : url.pathname
  const name = decodeURIComponent(path ?? '')
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '')
  if (/^[\w.-]+(?:\/[\w.-]+)+$/.test(name)) return name
  throw usageError(
    'NO_PULL_REQUESTS',
    `pull requests need a repository at a host, not ${withoutCredentials(repository)}`,
    {
      hint: 'Name it as https://github.com/owner/name.git, or leave `pullRequest` out.',
    },
  )
}

function tokenOf({ token }: PullRequestConfig, variables: NodeJS.ProcessEnv): string {
  if ('value' in token) return token.value
  const value = variables[token.from]
  if (value !== undefined && value !== '') return value
  throw usageError('VARIABLE_MISSING', `${token.from} is not set: the token that pull requests are opened with`, {
    hint: `Set ${token.from} where Trunkline delivers.`,
  })
}

type Answer = { status: number; body: unknown }
type Ask = (method: 'GET' | 'POST', path: string, body: object | null, signal: AbortSignal) => Promise<Answer>

const asker =
  (base: string, api: PullRequestConfig['api'], token: string): Ask =>
  async (method, path, body, signal) => {
    const headers: Record<string, string> = {
      'user-agent': 'trunkline',
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(api === 'github'
        ? {
            authorization: `Bearer ${token}`,
            accept: 'application/vnd.github+json',
            'x-github-api-version': '2022-11-28',
          }
        : { 'private-token': token, accept: 'application/json' }),
    }
    const limited = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)])
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers,
        body: body === null ? null : JSON.stringify(body),
        signal: limited,
        // A token goes to the host it was given for, and nowhere else.
        redirect: 'error',
      })
      return { status: response.status, body: await jsonOf(response) }
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw erroredError('HOST_UNREACHABLE', `${base} did not answer: ${sentenceOf(cause, token)}`, { cause })
    }
  }

async function jsonOf(response: Response): Promise<unknown> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > maxAnswerBytes) throw new Error('its answer is too long')
  }
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const sentenceOf = (cause: unknown, token: string): string => {
  const deepest = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return (deepest instanceof Error ? deepest.message : String(deepest)).replaceAll(token, '•••')
}

/** https://docs.github.com/en/rest/pulls/pulls */
function github(ask: Ask, name: string): PullRequestHost {
  const path = `/repos/${name.split('/').map(encodeURIComponent).join('/')}/pulls`
  const [owner = ''] = name.split('/')
  const parse = (body: unknown): PullRequest => {
    const found = fieldsOf(body)
    // A list has `merged_at` alone, one by itself `merged` too.
    const isMerged = found['merged'] === true || typeof found['merged_at'] === 'string'
    const state = isMerged ? 'merged' : found['state'] === 'open' ? 'open' : 'closed'
    return { url: text(found, 'html_url'), number: count(found, 'number'), state }
  }
  return {
    async find(branch, into, signal) {
      const query = new URLSearchParams({ head: `${owner}:${branch}`, base: into, state: 'all', per_page: '1' })
      const { body } = expectStatus(await ask('GET', `${path}?${query}`, null, signal), 200)
      return Array.isArray(body) && body.length > 0 ? parse(body[0]) : null
    },
    async open({ branch, into, title, body }, signal) {
      return parse(expectStatus(await ask('POST', path, { head: branch, base: into, title, body }, signal), 201).body)
    },
    async look(number, signal) {
      return parse(expectStatus(await ask('GET', `${path}/${number}`, null, signal), 200).body)
    },
  }
}

/** https://docs.gitlab.com/api/merge_requests */
function gitlab(ask: Ask, name: string): PullRequestHost {
  const path = `/projects/${encodeURIComponent(name)}/merge_requests`
  const parse = (body: unknown): PullRequest => {
    const found = fieldsOf(body)
    const state = found['state'] === 'merged' ? 'merged' : found['state'] === 'closed' ? 'closed' : 'open'
    return { url: text(found, 'web_url'), number: count(found, 'iid'), state }
  }
  return {
    async find(branch, into, signal) {
      const query = new URLSearchParams({ source_branch: branch, target_branch: into, state: 'all', per_page: '1' })
      const { body } = expectStatus(await ask('GET', `${path}?${query}`, null, signal), 200)
      return Array.isArray(body) && body.length > 0 ? parse(body[0]) : null
    },
    async open({ branch, into, title, body }, signal) {
      const request = {
        source_branch: branch,
        target_branch: into,
        title,
        description: body,
        remove_source_branch: true,
      }
      return parse(expectStatus(await ask('POST', path, request, signal), 201).body)
    },
    async look(number, signal) {
      return parse(expectStatus(await ask('GET', `${path}/${number}`, null, signal), 200).body)
    },
  }
}

function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  const said = messageOf(answer.body)
  const sentence = `the host of pull requests answered ${answer.status}${said === '' ? '' : `: ${said}`}`
  if (answer.status === 429 || answer.status >= 500) throw erroredError('HOST_UNREACHABLE', sentence)
  throw refusedError('HOST_REFUSED', sentence, {
    hint: [401, 403, 404].includes(answer.status)
      ? 'May the token read and open pull requests of this repository?'
      : 'Look at the repository: is there such a branch, and does it differ?',
  })
}

function messageOf(body: unknown): string {
  const found = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const details = Array.isArray(found['errors']) ? found['errors'] : []
  const parts = [found['message'], found['error'], ...details].map((part) =>
    typeof part === 'string' ? part : part === undefined ? '' : JSON.stringify(part),
  )
  return parts
    .filter((part) => part !== '')
    .join('; ')
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .slice(0, 500)
}

const fieldsOf = (body: unknown): Record<string, unknown> =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : unexpected('is no object')

function text(found: Record<string, unknown>, name: string): string {
  const value = found[name]
  return typeof value === 'string' ? value : unexpected(`has no ${name}`)
}

function count(found: Record<string, unknown>, name: string): number {
  const value = found[name]
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : unexpected(`has no ${name}`)
}

function unexpected(what: string): never {
  throw erroredError('HOST_ANSWER', `the host of pull requests answered out of form: its answer ${what}`, {
    hint: 'Is `pullRequest.url` the base of its API?',
  })
}
