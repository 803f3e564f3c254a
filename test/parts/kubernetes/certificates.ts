/** A certificate authority of a test's cluster, and the keys it signs with. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export type Certificate = { certificateFile: string; keyFile: string }

export type CertificateAuthority = Certificate & {
  /** A certificate for servers of these names and for clients. */
  issue(name: string, subject: string, names?: readonly string[]): Promise<Certificate>
  /** A client's that ran out yesterday. */
  issueExpired(name: string, subject: string): Promise<Certificate>
}

export async function createCertificateAuthority(folder: string): Promise<CertificateAuthority> {
  const files = (name: string): Certificate => ({
    certificateFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
  })
  const newKey = (name: string, subject: string) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    return [...key, '-keyout', files(name).keyFile, '-subj', subject]
  }
  const certificate = async (name: string, subject: string, more: readonly string[]) => {
    const place = ['-out', files(name).certificateFile, '-days', '1']
    await execute('openssl', ['req', '-x509', ...newKey(name, subject), ...place, ...more])
    return files(name)
  }
  const authority = await certificate('ca', '/CN=test-ca', [])
  const signed = ['-CA', authority.certificateFile, '-CAkey', authority.keyFile]
  return {
    ...authority,
    issue(name, subject, names = []) {
      const use = ['basicConstraints=CA:FALSE', 'keyUsage=digitalSignature', 'extendedKeyUsage=clientAuth,serverAuth']
      const extensions = names.length > 0 ? [...use, `subjectAltName=${names.join(',')}`] : use
      return certificate(name, subject, [...signed, ...extensions.flatMap((each) => ['-addext', each])])
    },
    async issueExpired(name, subject) {
      const request = join(folder, `${name}.csr`)
      await execute('openssl', ['req', '-new', ...newKey(name, subject), '-out', request])
      // `req -x509` refuses what has expired, `x509 -req` does not.
      const signing = ['x509', '-req', '-in', request, ...signed, '-CAcreateserial', '-days', '-1']
      await execute('openssl', [...signing, '-out', files(name).certificateFile])
      return files(name)
    },
  }
}

/** The key pair by which the API server signs and knows the tokens of service accounts. */
export type TokenKey = { privateFile: string; publicFile: string }

export function createTokenKey(folder: string): TokenKey {
  const files = { privateFile: join(folder, 'sa.key'), publicFile: join(folder, 'sa.pub') }
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(files.privateFile, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  writeFileSync(files.publicFile, publicKey.export({ type: 'spki', format: 'pem' }))
  return files
}

/** A token like the API server's own, for times that it does not hand out: it grants ten minutes at least. */
export function signToken(key: TokenKey, claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), readFileSync(key.privateFile)).toString('base64url')}`
}
