/** Clients of the SDK, all made in one way. */
import type { AwsAccess } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import type { CredentialSource } from './ambient-credentials.ts'
import { endpointOf, requestHandler } from './client-configuration.ts'
import { createRetryStrategy, maxAttempts } from './retry-strategy.ts'
import type { AnyClient, SdkClientClass } from './sdk-types.ts'

export type ClientOptions = {
  access: AwsAccess
  variables: NodeJS.ProcessEnv
  clock: Clock
  fraction(): number
}

export type Clients = {
  /** A new one, which signs with these. */
  make<Made extends AnyClient>(clientClass: SdkClientClass<Made>, credentials: CredentialSource): Made
}

export function createClients({ access, variables, clock, fraction }: ClientOptions): Clients {
  const configuration = (credentials: CredentialSource, endpoint: string | undefined) => ({
    region: access.region,
    credentials,
    requestHandler,
    maxAttempts,
    retryStrategy: createRetryStrategy({ clock, fraction }),
    customUserAgent: 'trunkline',
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
  })
  const hasOwnEndpoints = Object.keys(variables).some((name) => name.startsWith('AWS_ENDPOINT_URL_'))
  return {
    make(clientClass, credentials) {
      const made = new clientClass(configuration(credentials, endpointOf(null, access, variables)))
      if (!hasOwnEndpoints) return made
      // A service may have an endpoint of its own; what the SDK calls it, its client says.
      const service = serviceOf(made)
      made.destroy()
      return new clientClass(configuration(credentials, endpointOf(service, access, variables)))
    },
  }
}

/** `CodeDeploy`, as the SDK calls it. */
export const serviceOf = (client: unknown): string =>
  (client as { config?: { serviceId?: string } }).config?.serviceId ?? 'service'

/** `UpdateAlias` */
export function operationOf(command: unknown): string {
  const { schema } = command as { schema?: readonly unknown[] }
  const name = Array.isArray(schema) && typeof schema[2] === 'string' ? schema[2] : (command as object).constructor.name
  return name.replace(/Command(?:\$\d+)?$/, '')
}
