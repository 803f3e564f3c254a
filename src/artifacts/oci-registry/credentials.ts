/** Who we are to a registry: from the environment, else from where `docker login` or `podman login` put it. */
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

const loginFileSchema = z.object({
  auths: z.record(z.string(), entrySchema).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
})

type LoginFile = z.infer<typeof loginFileSchema>

export type CredentialRequest = {
  /** As people write it: `docker.io`, `registry.example:5000`. */
  host: string
  /** Within it: logins may be for a part of a registry. */
  repository: string
  environment: NodeJS.ProcessEnv
  /** A cloud's own way to log in to its registry. */
  login?(signal: AbortSignal): Promise<Credentials>
  signal: AbortSignal
}

/** Where credentials may come from; null: it knows none for this registry. */
type CredentialSource = (request: CredentialRequest) => Promise<Credentials | null>

/** The first that knows some is used. */
const sources: readonly CredentialSource[] = [fromEnvironment, fromCloud, fromFiles]

/**
 * Credentials for a repository, null where there are none (anonymous access). In this order:
 * `TRUNKLINE_REGISTRY_USER` and `TRUNKLINE_REGISTRY_PASSWORD`; the cloud whose registry it is; the file that `REGISTRY_AUTH_FILE` names; Docker's
 * configuration; where `podman login` keeps its logins. In each file: `credHelpers`, `auths`, `credsStore`.
 */
export async function findCredentials(request: CredentialRequest): Promise<Credentials | null> {
  for (const source of sources) {
    const found = await source(request)
    if (found !== null) return found
  }
  return null
}

/** The environment without what is meant for the artifact store alone: other registries must not see it. */
export function withoutStoreLogin(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TRUNKLINE_REGISTRY_USER: _, TRUNKLINE_REGISTRY_PASSWORD: __, ...others } = environment
  return others
}

async function fromCloud({ login, signal }: CredentialRequest): Promise<Credentials | null> {
  return login === undefined ? null : await login(signal)
}

async function fromFiles(request: CredentialRequest): Promise<Credentials | null> {
  for (const path of loginFiles(request.environment)) {
    const found = await fromFile(path, request)
    if (found !== null) return found
  }
  return null
}

/** Docker's configuration, and containers' `auth.json` (containers-auth.json(5)), which has the same form. */
function loginFiles(environment: NodeJS.ProcessEnv): string[] {
  const home = environment['HOME'] || homedir()
  const named = environment['REGISTRY_AUTH_FILE']
  const running = environment['XDG_RUNTIME_DIR']
  return [
    ...(named ? [named] : []),
    join(environment['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
    ...(running ? [join(running, 'containers', 'auth.json')] : []),
    join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers', 'auth.json'),
  ]
}

async function fromFile(path: string, request: CredentialRequest): Promise<Credentials | null> {
  const file = await readLoginFile(path)
  const keys = keysOf(request.host)
  const helper = keys.map((key) => file.credHelpers[key]).find((name) => name !== undefined)
  if (helper !== undefined) return askCredentialHelper(helper, keys, request)
  for (const key of [...partsOf(request), ...keys]) {
    const entry = file.auths[key]
    const credentials = entry === undefined ? null : fromEntry(entry, key, path)
    if (credentials !== null) return credentials
  }
  return file.credsStore ? askCredentialHelper(file.credsStore, keys, request) : null
}

/** `registry.example/team/shop`, `registry.example/team`: `podman login` may be for a part of a registry. */
function partsOf({ host, repository }: CredentialRequest): string[] {
  const segments = repository.split('/').filter((segment) => segment !== '')
  return segments.map((_, index) => [host, ...segments.slice(0, segments.length - index)].join('/'))
}

async function fromEnvironment({ environment }: CredentialRequest): Promise<Credentials | null> {
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

async function readLoginFile(path: string): Promise<LoginFile> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return loginFileSchema.parse({})
    throw unreadable(path, error)
  }
  try {
    return loginFileSchema.parse(JSON.parse(text))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function fromEntry(entry: z.infer<typeof entrySchema>, key: string, path: string): Credentials | null {
  if (entry.identitytoken) return { kind: 'identity-token', token: entry.identitytoken }
  if (entry.username && entry.password) return { kind: 'password', user: entry.username, password: entry.password }
  if (!entry.auth) return null
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '')
  const colon = decoded.indexOf(':')
  if (colon < 1) throw usageError('REGISTRY_CREDENTIALS', `${path} holds no user and password for ${key}`)
  return { kind: 'password', user: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}

/** Without the file's content in it: parsers quote what they choke on, and here that may be a password. */
const unreadable = (path: string, error: unknown) =>
  usageError('REGISTRY_CREDENTIALS', `cannot read ${path}: ${reasonOf(error)}`, {
    hint: 'repair it, point DOCKER_CONFIG or REGISTRY_AUTH_FILE elsewhere, or set TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD',
  })

const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ??
  (error instanceof SyntaxError ? 'it is not JSON' : 'it is not a Docker config')
