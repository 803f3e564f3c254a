/** Who may come to a test's cluster: kubeconfigs for users of one's own making, also such as have expired. */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubernetesApi } from './api.ts'
import { type Certificate, type CertificateAuthority, signToken, type TokenKey } from './certificates.ts'
import { serviceAccountIssuer } from './control-plane.ts'

export type Access = {
  /** Path of a kubeconfig with one context. */
  kubeconfig: string
}

export type AccessWithToken = Access & { token: string }

export type UserOptions = {
  name: string
  groups?: readonly string[]
  /** Its certificate ran out yesterday. */
  expired?: boolean
}

export type ServiceAccountOptions = {
  namespace: string
  name: string
  /** Negative for a token that has expired. The API server may believe a token ten seconds longer once it saw it. */
  validForSeconds?: number
}

export type AccessDesk = {
  /** A user with a client certificate; what it may do is up to the test's role bindings. */
  user(options: UserOptions): Promise<Access>
  /** A service account, made where it is not there yet, with a token of its own. */
  serviceAccount(options: ServiceAccountOptions): Promise<AccessWithToken>
}

type Credentials = { certificate: Certificate } | { token: string }

export type Place = { folder: string; server: string; authority: CertificateAuthority; tokenKey: TokenKey }

const anHour = 3600
let issued = 0

export function writeKubeconfig(place: Place, name: string, credentials: Credentials, namespace?: string): string {
  const base64 = (file: string) => readFileSync(file).toString('base64')
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': base64(credentials.certificate.certificateFile),
          'client-key-data': base64(credentials.certificate.keyFile),
        }
  const cluster = { server: place.server, 'certificate-authority-data': base64(place.authority.certificateFile) }
  const context = { cluster: 'test', user: name, ...(namespace === undefined ? {} : { namespace }) }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'test', context }],
    'current-context': 'test',
  }
  const path = join(place.folder, `${name.replaceAll(/[^\w.-]/g, '_')}.kubeconfig`)
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 })
  return path
}

export function createAccessDesk(place: Place, api: KubernetesApi): AccessDesk {
  return {
    async user({ name, groups = [], expired = false }) {
      const escaped = (text: string) => text.replaceAll(/[\\/+]/g, '\\$&')
      const subject = [...groups.map((group) => `/O=${escaped(group)}`), `/CN=${escaped(name)}`].join('')
      const file = `user-${++issued}`
      const { issue, issueExpired } = place.authority
      const certificate = await (expired ? issueExpired : issue)(file, subject)
      return { kubeconfig: writeKubeconfig(place, file, { certificate }) }
    },
    async serviceAccount({ namespace, name, validForSeconds = anHour }) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts`
      const account =
        (await api.get(`${path}/${name}`)) ??
        (await api.create(path, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }))
      const now = Math.floor(Date.now() / 1000)
      const issuedAt = Math.min(now, now + validForSeconds) - 1
      const token = signToken(place.tokenKey, {
        iss: serviceAccountIssuer,
        sub: `system:serviceaccount:${namespace}:${name}`,
        aud: [serviceAccountIssuer],
        ...{ iat: issuedAt, nbf: issuedAt, exp: now + validForSeconds, jti: randomUUID() },
        'kubernetes.io': { namespace, serviceaccount: { name, uid: account.metadata.uid } },
      })
      return { token, kubeconfig: writeKubeconfig(place, `account-${++issued}`, { token }, namespace) }
    },
  }
}
