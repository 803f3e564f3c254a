import type { EnvironmentVariable, ServiceName } from '../model/index.ts'

export type ResolvedVariables = {
  values: Record<string, string>
  /** Values, among `values`, that must never be shown: feed them to a masker. */
  secrets: string[]
  /** Names that the source had to offer (`from`) and did not, sorted, each once. */
  missing: string[]
  /** Variables that hold the address of another service, which only the target knows. */
  services: Record<string, ServiceName>
}

/** What a service receives of what a source offers. Pure. An empty value is a value; only an absent one is missing. */
export function resolveVariables(
  env: Readonly<Record<string, EnvironmentVariable>>,
  available: ReadonlyMap<string, string>,
): ResolvedVariables {
  const values: Record<string, string> = {}
  const services: Record<string, ServiceName> = {}
  const secrets = new Set<string>()
  const missing = new Set<string>()
  for (const [name, variable] of Object.entries(env)) {
    if (variable.kind === 'value') values[name] = variable.value
    else if (variable.kind === 'service') services[name] = variable.service
    else {
      const value = available.get(variable.from) ?? variable.default
      if (value === null) missing.add(variable.from)
      else {
        values[name] = value
        // A default stands in trunkline.yaml for all to read.
        if (variable.secret && value !== '' && available.has(variable.from)) secrets.add(value)
      }
    }
  }
  return { values, secrets: [...secrets], missing: [...missing].sort(), services }
}
