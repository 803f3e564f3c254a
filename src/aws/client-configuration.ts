/** What every client of the SDK is made with. */
import type { AwsAccess } from '../model/index.ts'

const connectionTimeoutMs = 5000
/** Of one attempt, to the first byte of the answer. */
const requestTimeoutMs = 60_000
/** Calls at once to one service; others wait for a free connection. */
const maxSockets = 32

export const requestHandler = {
  connectionTimeout: connectionTimeoutMs,
  requestTimeout: requestTimeoutMs,
  throwOnRequestTimeout: true,
  socketTimeout: requestTimeoutMs,
  // Waiting for a connection is normal with many functions side by side, and nothing to warn of.
  socketAcquisitionWarningTimeout: 24 * 60 * 60_000,
  httpsAgent: { keepAlive: true, maxSockets },
  httpAgent: { keepAlive: true, maxSockets },
}

/**
 * Where a service is found, if not at AWS: for it alone, for this environment, for all. `service` is the SDK's name;
 * null asks for no service in particular.
 */
export function endpointOf(
  service: string | null,
  access: AwsAccess,
  variables: NodeJS.ProcessEnv,
): string | undefined {
  const own =
    service === null ? undefined : variables[`AWS_ENDPOINT_URL_${service.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`]
  return own || access.endpoint || variables['AWS_ENDPOINT_URL'] || undefined
}
