/** The random key that fingerprints of variables are made with: kept in the account, encrypted (invariant 13). */
import { createHmac, randomBytes } from 'node:crypto'
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { canonicalJson } from '../../hashing/index.ts'
import { erroredError, type Fingerprint } from '../../model/index.ts'
import type { Parts } from './parts.ts'

const keyBytes = 32

/** Made when first asked for. */
export async function fingerprintKey(parts: Parts, signal: AbortSignal): Promise<Buffer> {
  const { aws } = parts
  const ssm = aws.client(SSMClient)
  const Name = `/trunkline/${parts.project}/${parts.environment}/fingerprint-key`
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const known = await aws.send(ssm, new GetParameterCommand({ Name, WithDecryption: true }), { signal })
      return Buffer.from(known.Parameter?.Value ?? '', 'base64')
    } catch (error) {
      if (!aws.isError(error, 'ParameterNotFound')) throw error
    }
    try {
      const Value = randomBytes(keyBytes).toString('base64')
      const Description = 'Trunkline: tells whether variables have changed, without saying what they are'
      const put = new PutParameterCommand({ Name, Value, Type: 'SecureString', Description })
      await aws.send(ssm, put, { signal, writes: true })
    } catch (error) {
      // Somebody was faster: theirs is the key.
      if (!aws.isError(error, 'ParameterAlreadyExists')) throw error
    }
  }
  throw erroredError('FINGERPRINT_KEY', `the parameter ${Name} of Systems Manager cannot be made`)
}

export const fingerprintWith = (
  key: Buffer,
  service: string,
  variables: Readonly<Record<string, string>>,
): Fingerprint => createHmac('sha256', key).update(canonicalJson({ service, variables })).digest('hex') as Fingerprint // The brand is given where the key lies.

/** Of a service without variables: nobody needs to be asked for a key. */
export const noVariables = 'none' as Fingerprint
