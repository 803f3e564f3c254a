/** Pure: the values of a template's parameters, and whose word each is. */
import { parseDocument } from 'yaml'
import { isTooDeepToParse } from '../../config/yaml-depth.ts'
import { failedError, usageError } from '../../model/index.ts'
import type { Template } from './template/parse-template.ts'

export type Parameter = {
  name: string
  value: string
  /** It came from a variable: only its fingerprint may be written down. */
  isVariable: boolean
}

export type ParameterSources = {
  service: string
  /** Fixed in the configuration. */
  fixed: Readonly<Record<string, string>>
  /** Values from files, later ones over earlier ones. */
  fromFiles: Readonly<Record<string, string>>
  variables: Readonly<Record<string, string>>
  /** Names of those variables that are secret. */
  secrets: ReadonlySet<string>
}

/**
 * Of one template: what files say, over them what the configuration says, over them the service's variables. Refused
 * where a secret would be readable in the account (`SECRET_PARAMETER_READABLE`), or a value is missing.
 */
export function parametersOf({ file, parameters }: Template, sources: ParameterSources): Parameter[] {
  const { fixed, fromFiles, variables, secrets, service } = sources
  const found: Parameter[] = []
  for (const [name, { isSecret, hasDefault }] of parameters) {
    const value = variables[name] ?? fixed[name] ?? fromFiles[name]
    if (value !== undefined) {
      if (secrets.has(name) && !isSecret) {
        throw usageError(
          'SECRET_PARAMETER_READABLE',
          `${service} gives the secret ${name} to a parameter of ${file} that anyone who may look at the stack can read`,
          { hint: `give the parameter \`NoEcho: true\`` },
        )
      }
      found.push({ name, value, isVariable: variables[name] !== undefined })
    } else if (!hasDefault) {
      throw usageError(
        'PARAMETER_MISSING',
        `${file} needs a value for its parameter ${name}, and ${service} has none`,
        {
          hint: `set it in \`parameters\`, in a parameter file, or as a variable: \`env: { ${name}: { from: … } }\``,
        },
      )
    }
  }
  return found
}

/** Refused (`UNKNOWN_PARAMETER`) where a name is no parameter of any of the templates. */
export function assertKnown(templates: readonly Template[], { fixed, variables, service }: ParameterSources): void {
  const known = new Set(templates.flatMap(({ parameters }) => [...parameters.keys()]))
  const unknown = [...Object.keys(fixed), ...Object.keys(variables)].find((name) => !known.has(name))
  if (unknown === undefined) return
  const names = [...known].join(', ')
  throw usageError('UNKNOWN_PARAMETER', `${service} sets ${unknown}, which is no parameter of its template`, {
    hint: known.size === 0 ? 'the template has no parameters' : `it has ${names}`,
  })
}

/**
 * A file of values: `{ Name: value }`, or a list of `{ ParameterKey, ParameterValue }` as the AWS CLI takes it, or with
 * `Parameters` around that as CodePipeline does; YAML or JSON.
 */
export function readParameterFile(text: string, file: string): Record<string, string> {
  const document = isTooDeepToParse(text) ? null : parseDocument(text, { schema: 'failsafe', logLevel: 'silent' })
  const [error] = document?.errors ?? []
  if (document === null || error !== undefined) {
    throw failedError(
      'PARAMETER_FILE_INVALID',
      `${file} cannot be read: ${error?.message.split('\n')[0] ?? 'too deep'}`,
    )
  }
  const data: unknown = document.toJS()
  const written = isRecord(data) && 'Parameters' in data ? data['Parameters'] : data
  const entries: Array<[unknown, unknown]> = Array.isArray(written)
    ? written.map((one: unknown) => (isRecord(one) ? [one['ParameterKey'], one['ParameterValue']] : [null, null]))
    : isRecord(written)
      ? Object.entries(written)
      : []
  const values: Record<string, string> = {}
  for (const [name, value] of entries) {
    const text = Array.isArray(value) ? value.join(',') : value
    if (typeof name !== 'string' || typeof text !== 'string') {
      throw failedError('PARAMETER_FILE_INVALID', `${file} is no mapping of parameters to values`, {
        hint: 'for example `{ "InstanceType": "t3.small" }`',
      })
    }
    values[name] = text
  }
  return values
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
