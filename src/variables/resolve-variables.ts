import type { EnvironmentVariable, ServiceName } from '../model/index.ts'

/** What infrastructure came to, by service and name. */
export type Outputs = Readonly<Record<ServiceName, Readonly<Record<string, string>>>>

export type ResolvedVariables = {
  values: Record<string, string>
  /** Values, among `values`, that must never be shown: feed them to a masker. */
  secrets: string[]
  /** Names that the source had to offer (`from`) and did not, sorted, each once. */
  missing: string[]
  /** Variables that hold the address of another service, which only the target knows. */
  services: Record<string, ServiceName>
  /** Outputs that are not there (yet), as `network.DatabaseUrl`, sorted. */
  awaited: string[]
}

/** What a service receives of what a source offers. Pure. An empty value is a value; only an absent one is missing. */
export function resolveVariables(
  env: Readonly<Record<string, EnvironmentVariable>>,
  available: ReadonlyMap<string, string>,
  outputs: Outputs = {},
): ResolvedVariables {
  const values: Record<string, string> = {}
  const services: Record<string, ServiceName> = {}
  const secrets = new Set<string>()
  const missing = new Set<string>()
  const awaited = new Set<string>()
  for (const [name, variable] of Object.entries(env)) {
    if (variable.kind === 'value') values[name] = variable.value
    else if (variable.kind === 'service') services[name] = variable.service
    else if (variable.kind === 'output') {
      const known = ownValue(outputs[variable.service], variable.output)
      const value = known ?? variable.default
      if (value === null) awaited.add(`${variable.service}.${variable.output}`)
      else values[name] = value
      if (variable.secret && known !== null && known !== '') secrets.add(known)
    } else {
      const value = available.get(variable.from) ?? variable.default
      if (value === null) missing.add(variable.from)
      else {
        values[name] = value
        // A default stands in trunkline.yaml for all to read.
        if (variable.secret && value !== '' && available.has(variable.from)) secrets.add(value)
      }
    }
  }
  return { values, secrets: [...secrets], missing: [...missing].sort(), services, awaited: [...awaited].sort() }
}

const ownValue = (values: Readonly<Record<string, string>> | undefined, name: string): string | null =>
  values !== undefined && Object.hasOwn(values, name) ? (values[name] ?? null) : null
