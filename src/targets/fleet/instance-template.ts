/** What a desired service becomes on a host. Pure. */
import { digestOf } from '../../hashing/index.ts'
import { type DesiredService, type Run, type ServiceName, usageError } from '../../model/index.ts'
import type { RolloutRequest } from '../../ports/index.ts'
import type { Address, Template } from './agent/protocol.ts'

/** Services this one is told the address of. */
export const referencedServices = (desired: DesiredService): ServiceName[] =>
  Object.values(desired.env).flatMap((variable) => (variable.kind === 'service' ? [variable.service] : []))

/** How to get to an address: what listens everywhere is reached by the host's name, from itself on the loopback. */
export function urlOf({ host, port }: Address, hostName = '127.0.0.1'): string {
  const reachable = host === '0.0.0.0' || host === '::' ? hostName : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/**
 * Everything the instances of a rollout receive. Its `generation` covers the desired generation, the fingerprint of the
 * variables and the addresses of other services: a changed secret or a moved port is another generation here, though not
 * in the release.
 */
export function templateOf(
  { service, desired, variables }: RolloutRequest,
  addresses: Readonly<Record<ServiceName, Address>>,
  replicas: number,
): Template {
  const { run, artifact, fingerprint } = desired
  const urls = urlsFor(service, desired, addresses)
  return {
    generation: digestOf('fleet-generation', { generation: desired.generation, fingerprint, urls }).slice(0, 16),
    desiredGeneration: desired.generation,
    fingerprint,
    artifact,
    ...runOf(run),
    env: { ...environmentOf(desired, variables), ...urls },
    secrets: Object.entries(desired.env).flatMap(([name, variable]) =>
      (variable.kind === 'from' || variable.kind === 'output') && variable.secret ? [name] : [],
    ),
    replicas,
  }
}

function runOf(run: Run) {
  if (run.kind === 'appspec') {
    const { appspec, ignoreStopFailures } = run
    const none = { port: null, health: null, startTimeoutMs: 0, drainTimeoutMs: 0, stopTimeoutMs: 0 }
    return { ...none, command: appspec, lifecycle: { ignoreStopFailures } }
  }
  if (run.kind !== undefined) {
    throw usageError('WRONG_PLATFORM', `a fleet runs commands: this service runs as ${run.kind}`, {
      hint: 'give it `run.command` in trunkline.yaml, or a target that runs it',
    })
  }
  const { command, port, health, startTimeoutMs, drainTimeoutMs, stopTimeoutMs } = run
  return { command, port, health, startTimeoutMs, drainTimeoutMs, stopTimeoutMs, lifecycle: null }
}

function environmentOf(desired: DesiredService, variables: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = { ...variables }
  for (const [name, variable] of Object.entries(desired.env)) {
    if (variable.kind === 'value') env[name] = variable.value
    if (variable.kind !== 'from' && variable.kind !== 'output') continue
    if (env[name] === undefined && variable.default !== null) env[name] = variable.default
  }
  return env
}

/** The variables that name other services, as their addresses. */
function urlsFor(
  service: ServiceName,
  desired: DesiredService,
  addresses: Readonly<Record<ServiceName, Address>>,
): Record<string, string> {
  const urls: Record<string, string> = {}
  for (const [name, variable] of Object.entries(desired.env)) {
    if (variable.kind !== 'service') continue
    const address = addresses[variable.service]
    if (address === undefined)
      throw new Error(`no address was reserved for ${variable.service}, which ${service} needs`)
    urls[name] = urlOf(address)
  }
  return urls
}
