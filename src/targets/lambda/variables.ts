/** What a function is given. */
import { type DesiredService, refusedError, type ServiceName } from '../../model/index.ts'
import type { EnvironmentRecord } from './record/record.ts'

/** With the addresses of other functions of the environment in the place of their names. */
export function variablesOf(
  service: ServiceName,
  { env }: Pick<DesiredService, 'env'>,
  given: Readonly<Record<string, string>>,
  record: EnvironmentRecord,
): Record<string, string> {
  const variables: Record<string, string> = { ...given }
  for (const [name, variable] of Object.entries(env)) {
    if (variable.kind === 'value') variables[name] = variable.value
    if (variable.kind === 'from' && variables[name] === undefined && variable.default !== null)
      variables[name] = variable.default
    if (variable.kind !== 'service' || variables[name] !== undefined) continue
    const url = record.functions[variable.service]?.url ?? null
    if (url === null) {
      throw refusedError('NO_ADDRESS', `${service} needs the address of ${variable.service}, which has none here`, {
        hint: 'give it a function URL (`url: true`), or let the target say its `url`; and deploy it first (`deployAfter`)',
      })
    }
    variables[name] = url
  }
  return variables
}

/** Names of those that are secret. */
export const secretsOf = ({ env }: Pick<DesiredService, 'env'>): string[] =>
  Object.entries(env).flatMap(([name, variable]) => (variable.kind === 'from' && variable.secret ? [name] : []))
