/**
 * The random key that fingerprints of variables are made with (invariant 13): an encrypted parameter beside the
 * functions. Whoever may read it may be able to tell short secrets by their fingerprints; nobody but Trunkline needs to.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { canonicalJson } from '../../hashing/index.ts'
import type { Fingerprint } from '../../model/index.ts'
import type { Place } from './place.ts'

const keyBytes = 32

type KeyPlace = Pick<Place, 'aws' | 'project' | 'environment' | 'parameterOfKey'>

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
      kept = (await known(signal)) ?? (await makeKey(place, signal))
      return kept
    },
  }
}

async function readKey({ aws, parameterOfKey }: KeyPlace, signal: AbortSignal): Promise<Buffer | null> {
  const command = new GetParameterCommand({ Name: parameterOfKey, WithDecryption: true })
  try {
    const { Parameter } = await aws.send(aws.client(SSMClient), command, { signal })
    return Buffer.from(Parameter?.Value ?? '', 'base64')
  } catch (error) {
    if (aws.isError(error, 'ParameterNotFound')) return null
    throw error
  }
}

async function makeKey(place: KeyPlace, signal: AbortSignal): Promise<Buffer> {
  const { aws, parameterOfKey, project, environment } = place
  const made = randomBytes(keyBytes)
  const command = new PutParameterCommand({
    Name: parameterOfKey,
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
    return (await readKey(place, signal)) ?? made
  }
}

export const fingerprintWith = (key: Buffer, variables: Readonly<Record<string, string>>): Fingerprint =>
  createHmac('sha256', key).update(canonicalJson(variables)).digest('hex') as Fingerprint // The brand is given where the key lies.
