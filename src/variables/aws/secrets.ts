import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { Aws } from '../../aws/index.ts'
import { usageError } from '../../model/index.ts'
import type { FoundVariable } from './index.ts'
import { type Named, namedVariables } from './variable-name.ts'

/** A secret that is a JSON object gives a variable for each key; any other is one variable, named as the secret's last part. */
export async function readSecret(aws: Aws, secret: string, signal: AbortSignal): Promise<FoundVariable[]> {
  const client = aws.client(SecretsManagerClient)
  const command = new GetSecretValueCommand({ SecretId: secret, VersionStage: 'AWSCURRENT' })
  const place = `the secret ${secret} (${aws.region})`
  const { SecretString } = await aws.send(client, command, { signal }).catch((error) => {
    if (!aws.isError(error, 'ResourceNotFoundException')) throw error
    throw usageError('SECRET_MISSING', `${place} does not exist, or has no value yet`, {
      hint: 'is its name right, and is it in this region?',
    })
  })
  if (SecretString === undefined) throw usageError('SECRET_FORM', `${place} is binary: variables are text`)
  return namedVariables(keysOf(SecretString, place) ?? [{ said: lastPart(secret), value: SecretString }], place)
}

/** null where it is no JSON object. Never quotes a value. */
function keysOf(text: string, place: string): Named[] | null {
  const parsed = parseJson(text)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
  return Object.entries(parsed).map(([said, value]) => {
    if (typeof value === 'string') return { said, value }
    if (typeof value === 'number' || typeof value === 'boolean') return { said, value: String(value) }
    throw usageError('SECRET_FORM', `${JSON.stringify(said)} of ${place} is neither text, number nor truth value`)
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `shop/stage/redis-url` is `redis-url`; an ARN ends in six characters that AWS adds. */
function lastPart(secret: string): string {
  const name = /^arn:[^:]+:secretsmanager:[^:]*:\d+:secret:(.+)-\w{6}$/.exec(secret)?.[1] ?? secret
  return name.split('/').at(-1) ?? name
}
