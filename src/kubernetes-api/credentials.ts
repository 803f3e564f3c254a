/** What a request is sent with: certificates for the connection, a header for the request; made anew when they run out. */
import { readFile } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import * as z from 'zod'
import { erroredError } from '../model/index.ts'
import { runProcess } from '../process/index.ts'
import type { ClusterConnection, ClusterUser } from './kubeconfig.ts'

export type Credentials = {
  /** Value of `authorization`; null where the connection itself says who it is. */
  authorization: string | null
  certificate: { certificate: Buffer | string; key: Buffer | string } | null
  /** Milliseconds since the epoch; null: until refused. */
  expiresAtMs: number | null
}

/** A token file is read again after this. */
const tokenFileMs = 60_000
const pluginTimeoutMs = 60_000
/** Made anew a little before they run out. */
const earlyMs = 30_000

export type CredentialSource = {
  get(signal: AbortSignal): Promise<Credentials>
  /** The server refused these: the next ones are made anew. Answers whether there can be others. */
  refused(credentials: Credentials): boolean
}

export function openCredentials(connection: ClusterConnection, variables: NodeJS.ProcessEnv): CredentialSource {
  const { user } = connection
  let current: Promise<Credentials> | null = null
  let known: Credentials | null = null
  const isFresh = ({ expiresAtMs }: Credentials) => expiresAtMs === null || Date.now() < expiresAtMs - earlyMs
  return {
    async get(signal) {
      if (known !== null && isFresh(known)) return known
      current ??= make(connection, variables, signal).finally(() => {
        current = null
      })
      known = await current
      return known
    },
    refused(credentials) {
      if (known === credentials) known = null
      return user.kind === 'exec' || user.kind === 'eks' || user.kind === 'token-file'
    },
  }
}

async function make(
  connection: ClusterConnection,
  variables: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials> {
  const { user } = connection
  const none = { authorization: null, certificate: null, expiresAtMs: null }
  switch (user.kind) {
    case 'anonymous':
      return none
    case 'certificate':
      return { ...none, certificate: { certificate: user.certificate, key: user.key } }
    case 'token':
      return { ...none, authorization: `Bearer ${user.token}` }
    case 'token-file': {
      const token = await readFile(user.file, 'utf8').catch((error: unknown) => {
        throw erroredError('TOKEN_UNREADABLE', `the token in ${user.file} cannot be read`, { cause: error })
      })
      return { ...none, authorization: `Bearer ${token.trim()}`, expiresAtMs: Date.now() + tokenFileMs + earlyMs }
    }
    case 'basic': {
      const pair = Buffer.from(`${user.username}:${user.password}`).toString('base64')
      return { ...none, authorization: `Basic ${pair}` }
    }
    case 'eks': {
      const { tokenForEks } = await import('./eks-access.ts')
      const { token, expiresAtMs } = await tokenForEks(user, variables, signal)
      return { ...none, authorization: `Bearer ${token}`, expiresAtMs }
    }
    case 'exec':
      return await fromPlugin(user, connection, variables, signal)
  }
}

const pluginAnswer = z.object({
  kind: z.literal('ExecCredential'),
  status: z.object({
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.string().nullish(),
  }),
})

/** `client.authentication.k8s.io`: aws eks get-token, gke-gcloud-auth-plugin, kubelogin and others. */
async function fromPlugin(
  { exec, directory }: Extract<ClusterUser, { kind: 'exec' }>,
  connection: ClusterConnection,
  variables: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials> {
  const command = exec.command.includes('/') && !isAbsolute(exec.command) ? join(directory, exec.command) : exec.command
  const fault = (what: string) =>
    erroredError('NO_CREDENTIALS', `${exec.command}, which gives the credentials for ${connection.name}, ${what}`, {
      hint: exec.installHint ?? `run it by hand to see more: ${[exec.command, ...exec.args].join(' ')}`,
    })
  const end = await runProcess({
    argv: [command, ...exec.args],
    env: pluginEnvironment(exec, connection, variables),
    timeoutMs: pluginTimeoutMs,
    maxOutputBytes: 1024 * 1024,
    signal,
  }).catch((error: unknown) => {
    signal.throwIfAborted()
    throw fault(
      `cannot be started (${error instanceof Error ? error.message : error}) on ${variables['PATH']?.split(delimiter).length ?? 0} folders of PATH`,
    )
  })
  if (end.kind === 'timed-out') throw fault('did not answer within a minute')
  if (end.exitCode !== 0) throw fault(`ended with ${end.exitCode}: ${end.stderr.trim().split('\n').at(-1) ?? ''}`)
  const answer = pluginAnswer.safeParse(parseJson(end.stdout))
  if (!answer.success) throw fault('answered no ExecCredential')
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = answer.data.status
  if (!token && !(clientCertificateData && clientKeyData)) throw fault('answered neither a token nor a certificate')
  const expires = expirationTimestamp ? Date.parse(expirationTimestamp) : Number.NaN
  return {
    authorization: token ? `Bearer ${token}` : null,
    certificate:
      clientCertificateData && clientKeyData ? { certificate: clientCertificateData, key: clientKeyData } : null,
    expiresAtMs: Number.isNaN(expires) ? null : expires,
  }
}

function pluginEnvironment(
  exec: Extract<ClusterUser, { kind: 'exec' }>['exec'],
  connection: ClusterConnection,
  variables: NodeJS.ProcessEnv,
): Record<string, string> {
  const inherited = Object.entries(variables).flatMap(
    ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, value]]),
  )
  const cluster = exec.provideClusterInfo
    ? {
        server: connection.server,
        ...(connection.certificateAuthority === null
          ? {}
          : { 'certificate-authority-data': connection.certificateAuthority.toString('base64') }),
      }
    : undefined
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false, cluster } }
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}
