/** Variables that are kept in AWS: parameters of Systems Manager, and secrets of Secrets Manager. */
import type { Aws } from '../../aws/index.ts'
import type { AwsVariables } from '../../model/index.ts'
import { readParameters } from './parameters.ts'
import { readSecret } from './secrets.ts'

export type FoundVariable = { name: string; value: string }

/** Later parameters over earlier ones, secrets over parameters. */
export async function* readAwsVariables(
  aws: Aws,
  { ssm, secretsManager }: AwsVariables,
  signal: AbortSignal,
): AsyncGenerator<FoundVariable, void, undefined> {
  // Asked side by side, told in order.
  const asked = [
    ...ssm.map((path) => readParameters(aws, path, signal)),
    ...secretsManager.map((secret) => readSecret(aws, secret, signal)),
  ]
  await Promise.allSettled(asked)
  for (const each of asked) yield* await each
}
