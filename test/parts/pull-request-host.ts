/**
 * GitHub's and GitLab's API for pull requests, as far as Trunkline asks it, over a real repository: a stand-in made of
 * their documentation (docs.github.com/en/rest/pulls/pulls, docs.gitlab.com/api/merge_requests). It refuses whatever is
 * not said there: an unknown path, a missing header, a field it does not know, a branch that is not there or brings nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Repository } from '../fixtures/repository.ts'

export type PullRequestHostOptions = {
  api: 'github' | 'gitlab'
  /** Bare. */
  repository: Repository
  /** `shop/manifests`. */
  name: string
  token: string
}

export type HostedRequest = {
  number: number
  branch: string
  into: string
  title: string
  body: string
  state: 'open' | 'closed' | 'merged'
}

export type PullRequestHost = AsyncDisposable & {
  /** Base of the API. */
  readonly url: string
  readonly requests: readonly HostedRequest[]
  /** Method and path of all that was asked, without query. */
  readonly asked: readonly string[]
  /** Merges as its button does: with a merge commit, or all in one commit. */
  merge(number: number, how: 'merge' | 'squash'): Promise<void>
  close(number: number): void
  /** Answers the next requests with this status. */
  failNext(count: number, status: number): void
}

type Answer = { status: number; body: unknown }
type Asked = {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: unknown
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function startPullRequestHost(options: PullRequestHostOptions): Promise<PullRequestHost> {
  const { api, repository } = options
  const requests: HostedRequest[] = []
  const asked: string[] = []
  const failures = { left: 0, status: 500 }
  const dialect = api === 'github' ? github : gitlab

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) =>
        send(response, error instanceof Refused ? error.status : 500, {
          message: error instanceof Error ? error.message : '',
        }),
    )
  })
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const method = request.method ?? ''
    asked.push(`${method} ${pathname}`)
    const body = await bodyOf(request)
    if (failures.left > 0) {
      failures.left--
      throw new Refused(failures.status, 'Server Error')
    }
    return await dialect(
      { method, path: pathname, query: searchParams, headers: request.headers, body },
      options,
      requests,
    )
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP

  const find = (number: number): HostedRequest => {
    const found = requests.find((request) => request.number === number)
    if (found === undefined) throw new Error(`there is no request ${number}`)
    return found
  }
  return {
    url: `http://127.0.0.1:${port}${api === 'github' ? '' : '/api/v4'}`,
    requests,
    asked,
    async merge(number, how) {
      const request = find(number)
      const parents = how === 'merge' ? ['-p', request.into, '-p', request.branch] : ['-p', request.into]
      const message =
        how === 'merge'
          ? `Merge pull request #${number}`
          : `${request.title} (#${number})\n\n${await repository.git('log', '-1', '--format=%b', request.branch)}`
      const tree = await repository.git('merge-tree', '--write-tree', request.into, request.branch)
      const commit = await repository.git('commit-tree', tree, ...parents, '-m', message)
      await repository.git('update-ref', `refs/heads/${request.into}`, commit)
      request.state = 'merged'
    },
    close(number) {
      find(number).state = 'closed'
    },
    failNext(count, status) {
      failures.left = count
      failures.status = status
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Dialect = (asked: Asked, options: PullRequestHostOptions, requests: HostedRequest[]) => Promise<Answer>

const github: Dialect = async (asked, { name, token, repository }, requests) => {
  const { headers, query } = asked
  if (headers['authorization'] !== `Bearer ${token}`) throw new Refused(401, 'Bad credentials')
  if (!headers['user-agent'])
    throw new Refused(403, 'Request forbidden by administrative rules. Please send a User-Agent')
  if (headers['accept'] !== 'application/vnd.github+json') throw new Refused(415, 'Unsupported Media Type')
  if (headers['x-github-api-version'] !== '2022-11-28') throw new Refused(400, 'Unknown API version')
  const base = `/repos/${name}/pulls`
  const [owner] = name.split('/')
  const show = (request: HostedRequest, isAlone: boolean) => ({
    number: request.number,
    html_url: `https://github.test/${name}/pull/${request.number}`,
    state: request.state === 'open' ? 'open' : 'closed',
    title: request.title,
    merged_at: request.state === 'merged' ? '2026-11-21T18:00:00Z' : null,
    ...(isAlone ? { merged: request.state === 'merged' } : {}),
  })
  if (asked.method === 'GET' && asked.path === base) {
    only(query, ['head', 'base', 'state', 'per_page'])
    if (query.get('state') !== 'all') throw new Refused(422, 'this test wants closed ones too')
    const found = requests.filter(
      ({ branch, into }) => query.get('head') === `${owner}:${branch}` && query.get('base') === into,
    )
    return { status: 200, body: newest(found, query).map((request) => show(request, false)) }
  }
  if (asked.method === 'POST' && asked.path === base) {
    const { title, body, head, base: into } = fieldsOf(asked.body, ['title', 'body', 'head', 'base'])
    const request = await open({ title, body, branch: head, into }, repository, requests, 422)
    return { status: 201, body: show(request, true) }
  }
  const request = one(asked, base, requests)
  return { status: 200, body: show(request, true) }
}

const gitlab: Dialect = async (asked, { name, token, repository }, requests) => {
  const { headers, query } = asked
  if (headers['private-token'] !== token) throw new Refused(401, '401 Unauthorized')
  const base = `/api/v4/projects/${encodeURIComponent(name)}/merge_requests`
  const show = (request: HostedRequest) => ({
    iid: request.number,
    id: 9000 + request.number,
    web_url: `https://gitlab.test/${name}/-/merge_requests/${request.number}`,
    state: request.state === 'open' ? 'opened' : request.state,
  })
  if (asked.method === 'GET' && asked.path === base) {
    only(query, ['source_branch', 'target_branch', 'state', 'per_page'])
    const found = requests.filter(
      ({ branch, into }) => query.get('source_branch') === branch && query.get('target_branch') === into,
    )
    return { status: 200, body: newest(found, query).map(show) }
  }
  if (asked.method === 'POST' && asked.path === base) {
    const fields = fieldsOf(
      asked.body,
      ['title', 'description', 'source_branch', 'target_branch'],
      ['remove_source_branch'],
    )
    const { title, description: body, source_branch: branch, target_branch: into } = fields
    return { status: 201, body: show(await open({ title, body, branch, into }, repository, requests, 409)) }
  }
  return { status: 200, body: show(one(asked, base, requests)) }
}

function one({ method, path }: Asked, base: string, requests: readonly HostedRequest[]): HostedRequest {
  const number = path.startsWith(`${base}/`) ? Number(path.slice(base.length + 1)) : Number.NaN
  const request = requests.find((known) => known.number === number)
  if (method !== 'GET' || request === undefined) throw new Refused(404, 'Not Found')
  return request
}

async function open(
  wanted: { title: string | undefined; body: string | undefined; branch: string | undefined; into: string | undefined },
  repository: Repository,
  requests: HostedRequest[],
  conflict: number,
): Promise<HostedRequest> {
  const { title = '', body = '', branch = '', into = '' } = wanted
  const count = await repository
    .git('rev-list', '--count', `refs/heads/${into}..refs/heads/${branch}`)
    .catch(() => null)
  if (count === null) throw new Refused(422, `no branch ${branch} or ${into}`)
  if (count === '0') throw new Refused(422, `No commits between ${into} and ${branch}`)
  if (requests.some((known) => known.branch === branch && known.state === 'open'))
    throw new Refused(conflict, `A pull request already exists for ${branch}.`)
  const request: HostedRequest = { number: requests.length + 1, title, body, branch, into, state: 'open' }
  requests.push(request)
  return request
}

const newest = (found: readonly HostedRequest[], query: URLSearchParams) =>
  found.toSorted((one, other) => other.number - one.number).slice(0, Number(query.get('per_page') ?? 30))

function only(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) if (!known.includes(name)) throw new Refused(400, `unknown parameter ${name}`)
}

function fieldsOf(
  body: unknown,
  texts: readonly string[],
  flags: readonly string[] = [],
): Record<string, string | undefined> {
  const found = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  for (const name of Object.keys(found))
    if (!texts.includes(name) && !flags.includes(name)) throw new Refused(422, `unknown field ${name}`)
  return Object.fromEntries(
    texts.map((name) => {
      const value = found[name]
      if (typeof value !== 'string' || value === '') throw new Refused(422, `${name} is missing`)
      return [name, value]
    }),
  )
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? null : JSON.parse(text)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
