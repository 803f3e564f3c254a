/** The token with which a CI job proves to AWS who it is, so that no key is stored anywhere. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { erroredError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'

/** Who AWS expects such tokens to be made for. */
const audience = 'sts.amazonaws.com'
const requestTimeoutMs = 10_000
const maxTries = 4
const maxAnswerLength = 64 * 1024

/** Variables in which CI systems put a token: GitLab (`id_tokens`), CircleCI, Bitbucket; the first is anyone's. */
const tokenVariables = [
  'AWS_WEB_IDENTITY_TOKEN',
  'GITLAB_OIDC_TOKEN',
  'CIRCLE_OIDC_TOKEN_V2',
  'BITBUCKET_STEP_OIDC_TOKEN',
] as const

export type WebIdentity = {
  /** For people: `GitHub Actions`. */
  from: string
  /** A fresh token. Errored `AWS_WEB_IDENTITY` where there is none to be had. */
  token(): Promise<string>
}

/** What this job can prove; null: nothing. `role` is who it wants to be. */
export function findWebIdentity(variables: NodeJS.ProcessEnv, role: string, clock: Clock): WebIdentity | null {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = variables
  if (url && bearer) return { from: 'GitHub Actions', token: () => askGitHub(url, bearer, clock) }
  const named = tokenVariables.find((name) => variables[name])
  if (named !== undefined) return { from: named, token: async () => variables[named] ?? '' }
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: ownRole } = variables
  // With a role of its own (a pod's service account), that role is who the job is, and it assumes the other.
  if (!file || (ownRole && ownRole !== role)) return null
  return { from: file, token: () => readToken(file) }
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw erroredError('AWS_WEB_IDENTITY', `the file of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read: ${file}`, { cause })
  }
}

const tokenAnswer = z.object({ value: z.string().min(1) })

async function askGitHub(address: string, bearer: string, clock: Clock): Promise<string> {
  const url = new URL(address)
  url.searchParams.set('audience', audience)
  for (let tries = 1; ; tries++) {
    const signal = AbortSignal.timeout(requestTimeoutMs)
    try {
      const response = await fetch(url, { headers: { authorization: `bearer ${bearer}` }, signal, redirect: 'error' })
      const text = (await response.text()).slice(0, maxAnswerLength)
      if (response.ok) return tokenAnswer.parse(JSON.parse(text)).value
      throw new Error(`answers ${response.status}`)
    } catch (cause) {
      if (tries === maxTries) throw gitHubRefused(url, cause)
      await clock.sleep(250 * 2 ** tries, AbortSignal.timeout(requestTimeoutMs))
    }
  }
}

/** Never quotes the answer: it may hold a token. */
const gitHubRefused = (url: URL, cause: unknown) =>
  erroredError(
    'AWS_WEB_IDENTITY',
    `GitHub gives the job no identity token: ${url.host} ${cause instanceof Error && cause.message.startsWith('answers') ? cause.message : 'does not answer as it should'}`,
    { hint: 'the job needs `permissions: { id-token: write }`' },
  )
