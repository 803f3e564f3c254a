/**
 * AWS as tests have it: moto, a real HTTP server that the real SDK asks with real signatures, with what `plus/` adds.
 * What differs from AWS stands in README.md beside this file.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AwsAccess } from '../../../src/model/index.ts'
import { freePort, startLocalServer } from '../local-server.ts'
import { awsPython } from './programs.ts'

export { awsMissing } from './programs.ts'

export type AwsPart = {
  /** `http://127.0.0.1:<port>` */
  endpoint: string
  region: string
  /** Whose account the keys in `environment` belong to. */
  account: string
  /** What a process needs to work with it, and nothing of this machine's own AWS. */
  environment: Record<string, string>
  /** `aws` of a project, as the engine gets it. */
  access: AwsAccess
  /** Tells a file of `plus/` what a service shall do from now on. */
  wish(service: string, wishes: Record<string, unknown>): Promise<void>
  /** What a file of `plus/` told of its service. */
  told(service: string): Promise<unknown[]>
  /** From now on signatures and policies are checked, as AWS does; before, any key may do anything. */
  checkPermissions(): Promise<void>
  /** Takes that back. */
  uncheckPermissions(): Promise<void>
  /** Forgets everything; done between tests it saves starting anew. */
  reset(): Promise<void>
  stop(): Promise<void>
}

const account = '123456789012'
const region = 'eu-west-1'
const requestTimeoutMs = 60_000
/** So many calls are never checked: moto's way to check none. */
const unchecked = 'inf'

export async function startAws(environment: NodeJS.ProcessEnv = process.env): Promise<AwsPart> {
  const python = awsPython(environment)
  if (!existsSync(python)) throw new Error('moto is not prepared (npm run parts), and in CI no part may be missing')
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-aws-'))
  const port = await freePort()
  const start = startLocalServer({
    argv: [python, join(import.meta.dirname, 'server.py'), '-H', '127.0.0.1', '-p', String(port)],
    ready: /Running on http/,
    cwd: folder,
    environment: {
      PATH: environment['PATH'] ?? '',
      HOME: folder,
      TMPDIR: folder,
      LC_ALL: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    },
  })
  const server = await start.catch(async (error) => {
    await rm(folder, { recursive: true, force: true })
    throw error
  })
  const endpoint = `http://127.0.0.1:${port}`

  async function ask(path: string, body?: string): Promise<unknown> {
    const response = await fetch(`${endpoint}/moto-api/${path}`, {
      ...(body !== undefined && { method: 'POST', body }),
      signal: AbortSignal.timeout(requestTimeoutMs),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`moto answers ${response.status} to ${path}: ${text}`)
    return JSON.parse(text)
  }

  return {
    endpoint,
    region,
    account,
    environment: awsEnvironment(endpoint),
    access: { region, account: null, role: null, endpoint, profile: null },
    wish: async (service, wishes) => void (await ask(`plus/${service}`, JSON.stringify(wishes))),
    told: async (service) => ((await ask(`plus/${service}`)) as { told: unknown[] }).told,
    checkPermissions: async () => void (await ask('reset-auth', '0')),
    uncheckPermissions: async () => void (await ask('reset-auth', unchecked)),
    async reset() {
      await ask('reset-auth', unchecked)
      await ask('reset', '')
    },
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Variables that lead to `endpoint`, with keys that open nothing anywhere else. */
export const awsEnvironment = (endpoint: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  AWS_REGION: region,
  AWS_DEFAULT_REGION: region,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
})
