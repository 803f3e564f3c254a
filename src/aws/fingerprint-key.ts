/**
 * The random key that fingerprints of variables are made with (invariant 13): an encrypted parameter of the account, one
 * for each environment. Whoever may read it may be able to tell short secrets by their fingerprints; nobody but
 * Trunkline needs to.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { canonicalJson } from '../hashing/index.ts'
import { type EnvironmentName, erroredError, type Fingerprint, type ServiceName } from '../model/index.ts'
import type { Aws } from './aws.ts'

const keyBytes = 32
const maxTries = 3

export type KeyPlace = { aws: Aws; project: string; environment: EnvironmentName }

export type FingerprintKey = {
  /** null: there is none yet, and so nothing to compare with. */
  known(signal: AbortSignal): Promise<Buffer | null>
  /** Made where there is none; the first who makes it wins. */
  made(signal: AbortSignal): Promise<Buffer>
}

/** Asked for once. */
export function openFingerprintKey(place: KeyPlace): FingerprintKey {
  let kept: Buffer | null = null
  const known = async (signal: AbortSignal) => {
    kept ??= await readKey(place, signal)
    return kept
  }
  return {
    known,
    async made(signal) {
      for (let tries = 0; tries < maxTries; tries += 1) {
        kept = (await known(signal)) ?? (await makeKey(place, signal))
        if (kept !== null) return kept
      }
      throw erroredError('FINGERPRINT_KEY', `the parameter ${nameOf(place)} of Systems Manager cannot be made`)
    },
  }
}

const nameOf = ({ project, environment }: KeyPlace): string => `/trunkline/${project}/${environment}/fingerprint-key`

async function readKey(place: KeyPlace, signal: AbortSignal): Promise<Buffer | null> {
  const { aws } = place
  const command = new GetParameterCommand({ Name: nameOf(place), WithDecryption: true })
  try {
    const { Parameter } = await aws.send(aws.client(SSMClient), command, { signal })
    return Buffer.from(Parameter?.Value ?? '', 'base64')
  } catch (error) {
    if (aws.isError(error, 'ParameterNotFound')) return null
    throw error
  }
}

/** null: somebody was faster, and theirs is the key. */
async function makeKey(place: KeyPlace, signal: AbortSignal): Promise<Buffer | null> {
  const { aws, project, environment } = place
  const made = randomBytes(keyBytes)
  const command = new PutParameterCommand({
    Name: nameOf(place),
    Type: 'SecureString',
    Value: made.toString('base64'),
    Description: `Trunkline compares the variables of ${project} in ${environment} with it`,
    Overwrite: false,
  })
  try {
    await aws.send(aws.client(SSMClient), command, { signal, writes: true })
    return made
  } catch (error) {
    if (!aws.isError(error, 'ParameterAlreadyExists')) throw error
    return null
  }
}

/** `content`: the variables, and whose they are where that counts. */
export const fingerprintWith = (key: Buffer, content: object): Fingerprint =>
  createHmac('sha256', key).update(canonicalJson(content)).digest('hex') as Fingerprint // The brand is given where the key lies.

/** Of each service's variables; none as long as there is no key: looking makes nothing. */
export async function knownFingerprints(
  key: FingerprintKey,
  variables: Readonly<Record<ServiceName, Record<string, string>>>,
  signal: AbortSignal,
): Promise<Record<ServiceName, Fingerprint>> {
  const known = await key.known(signal)
  if (known === null) return {}
  return Object.fromEntries(
    Object.entries(variables).map(([service, values]) => [service, fingerprintWith(known, values)]),
  )
}
