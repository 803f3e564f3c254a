/** Who we are to a registry: from the environment, else from where `docker login` put it. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { usageError } from '../../model/index.ts'
import { askCredentialHelper } from './credential-helper.ts'

export type Credentials =
  | { kind: 'password'; user: string; password: string }
  /** Exchanged for access tokens at the registry's token endpoint. */
  | { kind: 'identity-token'; token: string }

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})

const dockerConfigSchema = z.object({
  auths: z.record(z.string(), entrySchema).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
})

type DockerConfig = z.infer<typeof dockerConfigSchema>

/**
 * Credentials for a registry host, null where there are none (anonymous access). In this order:
 * `TRUNKLINE_REGISTRY_USER` and `TRUNKLINE_REGISTRY_PASSWORD`; Docker's `credHelpers`, `auths` and `credsStore`.
 */
export async function findCredentials(
  host: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials | null> {
  const given = fromEnvironment(environment)
  if (given !== null) return given

  const config = await readDockerConfig(environment)
  const keys = keysOf(host)
  const helper = keys.map((key) => config.credHelpers[key]).find((name) => name !== undefined)
  if (helper !== undefined) return askCredentialHelper(helper, keys, { environment, signal })
  for (const key of keys) {
    const entry = config.auths[key]
    const credentials = entry === undefined ? null : fromEntry(entry, key)
    if (credentials !== null) return credentials
  }
  if (config.credsStore) return askCredentialHelper(config.credsStore, keys, { environment, signal })
  return null
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Credentials | null {
  const user = environment['TRUNKLINE_REGISTRY_USER']
  const password = environment['TRUNKLINE_REGISTRY_PASSWORD']
  if (!user && !password) return null
  if (user && password) return { kind: 'password', user, password }
  throw usageError('REGISTRY_CREDENTIALS', `TRUNKLINE_REGISTRY_${user ? 'PASSWORD' : 'USER'} is not set`, {
    hint: 'set both TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD, or neither',
  })
}

/** Under what names a host's credentials are filed. Docker Hub's key is a URL of its first version. */
function keysOf(host: string): string[] {
  const dockerHub =
    host === 'docker.io' ? ['https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io'] : []
  return [...dockerHub, host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`, `http://${host}`]
}

async function readDockerConfig(environment: NodeJS.ProcessEnv): Promise<DockerConfig> {
  const folder = environment['DOCKER_CONFIG'] || join(environment['HOME'] || homedir(), '.docker')
  const path = join(folder, 'config.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return dockerConfigSchema.parse({})
    throw unreadable(path, error)
  }
  try {
    return dockerConfigSchema.parse(JSON.parse(text))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function fromEntry(entry: z.infer<typeof entrySchema>, key: string): Credentials | null {
  if (entry.identitytoken) return { kind: 'identity-token', token: entry.identitytoken }
  if (entry.username && entry.password) return { kind: 'password', user: entry.username, password: entry.password }
  if (!entry.auth) return null
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '')
  const colon = decoded.indexOf(':')
  if (colon < 1) throw usageError('REGISTRY_CREDENTIALS', `Docker's config.json holds no user and password for ${key}`)
  return { kind: 'password', user: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}

/** Without the file's content in it: parsers quote what they choke on, and here that may be a password. */
const unreadable = (path: string, error: unknown) =>
  usageError('REGISTRY_CREDENTIALS', `cannot read ${path}: ${reasonOf(error)}`, {
    hint: 'repair it, point DOCKER_CONFIG elsewhere, or set TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD',
  })

const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ??
  (error instanceof SyntaxError ? 'it is not JSON' : 'it is not a Docker config')
