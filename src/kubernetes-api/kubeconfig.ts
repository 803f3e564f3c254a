/**
 * Which API server, and as whom: from a kubeconfig as kubectl reads it (several files merged, paths relative to the
 * file that has them), else as a pod from its service account.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { type AwsAccess, type ClusterAccess, erroredError, usageError } from '../model/index.ts'
import { eksUser } from './eks-user.ts'

export type ClusterConnection = {
  /** For people: the context's name, or where the pod runs. */
  name: string
  /** Base URL, without a slash at its end. */
  server: string
  /** PEM; null: the machine's own authorities. */
  certificateAuthority: Buffer | null
  serverName: string | null
  skipVerification: boolean
  proxy: string | null
  /** Of the context; null where it names none. */
  namespace: string | null
  user: ClusterUser
}

export type ClusterUser =
  | { kind: 'anonymous' }
  | { kind: 'certificate'; certificate: Buffer; key: Buffer }
  | { kind: 'token'; token: string }
  /** Read again from time to time: kubelets rotate it. */
  | { kind: 'token-file'; file: string }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'exec'; exec: ExecPlugin; directory: string }
  /** A token that is made here. `variables` are the plugin's own, over the process's. */
  | { kind: 'eks'; cluster: string; access: AwsAccess; variables: Record<string, string> }

export type ExecPlugin = {
  apiVersion: string
  command: string
  args: string[]
  env: Array<{ name: string; value: string }>
  installHint: string | null
  provideClusterInfo: boolean
}

const text = z.string()
const optionalText = text.nullish().transform((value) => (value ? value : undefined))

const clusterSchema = z.object({
  server: text,
  'certificate-authority': optionalText,
  'certificate-authority-data': optionalText,
  'tls-server-name': optionalText,
  'insecure-skip-tls-verify': z.boolean().nullish(),
  'proxy-url': optionalText,
})

const execSchema = z.object({
  apiVersion: text.prefault('client.authentication.k8s.io/v1'),
  command: text,
  args: z.array(text).nullish(),
  env: z.array(z.object({ name: text, value: text })).nullish(),
  installHint: optionalText,
  provideClusterInfo: z.boolean().nullish(),
})

const userSchema = z.object({
  'client-certificate': optionalText,
  'client-certificate-data': optionalText,
  'client-key': optionalText,
  'client-key-data': optionalText,
  token: optionalText,
  tokenFile: optionalText,
  username: optionalText,
  password: optionalText,
  exec: execSchema.nullish(),
  'auth-provider': z.object({ name: text }).nullish(),
})

const contextSchema = z.object({ cluster: text, user: optionalText, namespace: optionalText })

const fileSchema = z.object({
  'current-context': optionalText,
  clusters: z.array(z.object({ name: text, cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: text, user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.object({ name: text, context: contextSchema })).nullish(),
})

type Kubeconfig = z.output<typeof fileSchema> & { file: string }

export type ConnectionSurroundings = {
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
  /** Of the environment: for clusters of EKS that are named by their name alone. */
  aws?: AwsAccess | null
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Reads files; only a cluster of EKS that is named by its name alone is asked for. */
export async function findConnection(
  access: ClusterAccess,
  surroundings: ConnectionSurroundings,
): Promise<ClusterConnection> {
  if (access.eks !== undefined) {
    const { connectionToEks } = await import('./eks-access.ts')
    return await connectionToEks(access.eks, surroundings.aws ?? null, surroundings.variables)
  }
  const files = filesOf(access, surroundings)
  const present = files.filter((file) => existsSync(file))
  if (present.length === 0) {
    const pod = access.kubeconfig === null && access.context === null ? await podConnection(surroundings) : null
    if (pod !== null) return pod
    throw erroredError('NO_KUBECONFIG', `there is no kubeconfig at ${files.join(' or ')}`, {
      hint: 'say where it is: `kubeconfig` of the target in trunkline.yaml, or the variable KUBECONFIG',
    })
  }
  const configs = await Promise.all(present.map(readKubeconfig))
  return await connectionOf(configs, access, surroundings)
}

function filesOf({ kubeconfig }: ClusterAccess, { root, variables }: ConnectionSurroundings): string[] {
  if (kubeconfig !== null) return [isAbsolute(kubeconfig) ? kubeconfig : resolve(root, kubeconfig)]
  const named = (variables['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  return named.length > 0 ? named : [join(variables['HOME'] || homedir(), '.kube', 'config')]
}

async function readKubeconfig(file: string): Promise<Kubeconfig> {
  let data: unknown
  try {
    data = parse(await readFile(file, 'utf8'), { maxAliasCount: 100 })
  } catch (error) {
    throw unreadable(file, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
  const result = fileSchema.safeParse(data ?? {})
  if (result.success) return { ...result.data, file }
  const [issue] = result.error.issues
  throw unreadable(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}

const unreadable = (file: string, why: string) =>
  usageError('KUBECONFIG_UNREADABLE', `the kubeconfig ${file} cannot be read: ${why}`)

/** The first file that has a name decides about it, as kubectl merges them. */
async function connectionOf(
  configs: readonly Kubeconfig[],
  access: ClusterAccess,
  { variables }: ConnectionSurroundings,
): Promise<ClusterConnection> {
  const where = configs.map(({ file }) => file).join(', ')
  const wanted = access.context ?? configs.map((config) => config['current-context']).find((name) => name !== undefined)
  if (wanted === undefined) {
    throw usageError('NO_CONTEXT', `${where} has no current context`, {
      hint: 'name one: `context` of the target in trunkline.yaml, or `kubectl config use-context`',
    })
  }
  const context = firstNamed(configs, 'contexts', wanted)?.entry.context
  if (context === undefined) {
    const names = configs.flatMap(({ contexts }) => (contexts ?? []).map(({ name }) => name))
    throw usageError('UNKNOWN_CONTEXT', `${where} has no context ${wanted}`, {
      hint: names.length === 0 ? 'it has none at all' : `it has ${names.slice(0, 10).join(', ')}`,
    })
  }
  const cluster = firstNamed(configs, 'clusters', context.cluster)
  if (cluster === null)
    throw usageError(
      'UNKNOWN_CLUSTER',
      `${where}: context ${wanted} names cluster ${context.cluster}, which is not there`,
    )
  const user = context.user === undefined ? null : firstNamed(configs, 'users', context.user)
  const given = cluster.entry.cluster
  return {
    name: wanted,
    server: given.server.replace(/\/+$/, ''),
    certificateAuthority: await pemOf(
      given['certificate-authority-data'],
      given['certificate-authority'],
      cluster.file,
    ),
    serverName: given['tls-server-name'] ?? null,
    skipVerification: given['insecure-skip-tls-verify'] === true,
    proxy: given['proxy-url'] ?? null,
    namespace: context.namespace ?? null,
    user: user?.entry.user
      ? await userOf(user.entry.user, user.file, context.user ?? '', variables)
      : { kind: 'anonymous' },
  }
}

type Lists = { contexts: 'contexts'; clusters: 'clusters'; users: 'users' }
type Entry<List extends keyof Lists> = NonNullable<Kubeconfig[List]>[number]

function firstNamed<List extends keyof Lists>(configs: readonly Kubeconfig[], list: List, name: string) {
  for (const config of configs) {
    const entries: ReadonlyArray<Entry<List>> = config[list] ?? []
    const entry = entries.find((known) => known.name === name)
    if (entry !== undefined) return { entry, file: config.file }
  }
  return null
}

async function userOf(
  user: z.output<typeof userSchema>,
  file: string,
  name: string,
  variables: NodeJS.ProcessEnv,
): Promise<ClusterUser> {
  const certificate = await pemOf(user['client-certificate-data'], user['client-certificate'], file)
  const key = await pemOf(user['client-key-data'], user['client-key'], file)
  if (certificate !== null && key !== null) return { kind: 'certificate', certificate, key }
  if (user.tokenFile !== undefined) return { kind: 'token-file', file: besides(file, user.tokenFile) }
  if (user.token !== undefined) return { kind: 'token', token: user.token }
  if (user.username !== undefined && user.password !== undefined) {
    return { kind: 'basic', username: user.username, password: user.password }
  }
  if (user.exec) {
    const { apiVersion, command, args, env, installHint, provideClusterInfo } = user.exec
    const said = { apiVersion, command, args: args ?? [], env: env ?? [], installHint: installHint ?? null }
    const exec = { ...said, provideClusterInfo: provideClusterInfo === true }
    return eksUser(exec, variables) ?? { kind: 'exec', exec, directory: dirname(file) }
  }
  if (user['auth-provider']) {
    throw usageError(
      'AUTH_PROVIDER',
      `user ${name} of ${file} logs in by \`auth-provider: ${user['auth-provider'].name}\`, which kubectl gave up`,
      {
        hint: 'use its exec plugin (aws eks update-kubeconfig, gke-gcloud-auth-plugin, kubelogin)',
      },
    )
  }
  return { kind: 'anonymous' }
}

/** The data itself, or the file beside the kubeconfig. */
async function pemOf(data: string | undefined, file: string | undefined, kubeconfig: string): Promise<Buffer | null> {
  if (data !== undefined) return Buffer.from(data, 'base64')
  if (file === undefined) return null
  const path = besides(kubeconfig, file)
  try {
    return await readFile(path)
  } catch (error) {
    throw unreadable(kubeconfig, `${path}: ${error instanceof Error ? error.message : error}`)
  }
}

const besides = (kubeconfig: string, path: string): string => resolve(dirname(kubeconfig), path)

/** As kubelets set it up in every pod. */
async function podConnection({ variables }: ConnectionSurroundings): Promise<ClusterConnection | null> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = variables
  const token = join(serviceAccountFolder, 'token')
  if (!host || !port || !existsSync(token)) return null
  return {
    name: 'the cluster this pod runs in',
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    certificateAuthority: await readFile(join(serviceAccountFolder, 'ca.crt')),
    ...{ serverName: null, skipVerification: false, proxy: null },
    namespace: (await readFile(join(serviceAccountFolder, 'namespace'), 'utf8')).trim(),
    user: { kind: 'token-file', file: token },
  }
}
