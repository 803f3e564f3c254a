/** The containers of a task: by digest, with the variables of the service; secrets only as references. */
import type { ContainerDefinition, LogConfiguration } from '@aws-sdk/client-ecs'
import { type DesiredService, refusedError, type ServiceName } from '../../model/index.ts'
import { clusterRunOf } from '../kubernetes/render/service-container.ts'
import { fill, type Parts } from './parts.ts'

type Given = { service: ServiceName; desired: Pick<DesiredService, 'run' | 'env'>; variables: Record<string, string> }

/** Made of how the service runs. */
export function generatedContainer(parts: Parts, { service, desired }: Given): ContainerDefinition {
  const { port, portVariable, start, stopTimeoutMs } = clusterRunOf(desired.run)
  const { args, command } = start
  return {
    ...{ name: service, essential: true },
    ...(command === undefined ? {} : { entryPoint: command.slice(0, -1), command: command.slice(-1) }),
    ...(args === undefined ? {} : { command: args }),
    ...(port === null ? {} : { portMappings: [{ containerPort: port, protocol: 'tcp' }] }),
    ...(port === null || portVariable === null ? {} : { environment: [{ name: portVariable, value: String(port) }] }),
    // Fargate gives two minutes at most.
    stopTimeout: Math.min(120, Math.ceil(stopTimeoutMs / 1000)),
    ...logging(parts, service),
  }
}

function logging(parts: Parts, service: ServiceName): { logConfiguration?: LogConfiguration } {
  const { config, aws } = parts
  if (config.logGroup === null) return {}
  const options = {
    'awslogs-group': fill(parts, service, config.logGroup),
    'awslogs-region': aws.region,
    'awslogs-stream-prefix': service,
  }
  return { logConfiguration: { logDriver: 'awslogs', options } }
}

/** With its image, and with what the service is given over what stands there. */
export function completed(
  parts: Parts,
  container: ContainerDefinition,
  image: string,
  given: Given,
): ContainerDefinition {
  const { service, desired, variables } = given
  const references = referencesOf(parts, given)
  const values = new Map<string, string>([
    ...(container.environment ?? []).map(({ name = '', value = '' }): [string, string] => [name, value]),
    ...Object.entries(desired.env).flatMap(([name, variable]): Array<[string, string]> => {
      const known = variables[name] ?? (variable.kind === 'value' ? variable.value : undefined)
      return known === undefined || references.has(name) ? [] : [[name, known]]
    }),
  ])
  const secrets = new Map([
    ...(container.secrets ?? []).map(({ name, valueFrom }): [string, string] => [name ?? '', valueFrom ?? '']),
    ...[...references].map(([name, reference]): [string, string] => [name, fill(parts, service, reference)]),
  ])
  return {
    ...container,
    image,
    environment: sorted([...values]).flatMap(([name, value]) => (secrets.has(name) ? [] : [{ name, value }])),
    secrets: sorted([...secrets]).map(([name, valueFrom]) => ({ name, valueFrom })),
  }
}

const sorted = <Value>(entries: Array<[string, Value]>): Array<[string, Value]> =>
  entries.sort(([left], [right]) => (left < right ? -1 : 1))

function referencesOf({ config }: Parts, { service, desired }: Given): Map<string, string> {
  const named = Object.keys(desired.env).filter((name) => Object.hasOwn(config.secrets, name))
  const open = openSecrets(config.secrets, desired.env)
  if (open.length > 0) {
    throw refusedError('SECRET_WITHOUT_REFERENCE', `${sayOpen(service, open)}`, { hint: secretHint(open) })
  }
  return new Map(named.map((name) => [name, config.secrets[name] ?? '']))
}

/** Secrets that would stand in the task definition, where whoever may look at it reads them. */
export const openSecrets = (secrets: Record<string, string>, env: DesiredService['env']): string[] =>
  Object.entries(env).flatMap(([name, variable]) =>
    'secret' in variable && variable.secret && !Object.hasOwn(secrets, name) ? [name] : [],
  )

export const sayOpen = (service: ServiceName, names: readonly string[]): string =>
  `${names.join(', ')} of ${service} would stand in a task definition, where many can read it`

export const secretHint = ([name]: readonly string[]): string =>
  `say where ECS finds it: \`secrets: { ${name}: /shop/{environment}/${name} }\` in the target, a parameter of SSM or the ARN of a secret`
