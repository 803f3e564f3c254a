import type { STSClient } from '@aws-sdk/client-sts'
import type { AwsCredentialIdentity } from '@smithy/types'
import { type AwsAccess, cancelledError, erroredError, TrunklineError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import { assertIdentity } from './account.ts'
import { ambientCredentials, type CredentialSource } from './ambient-credentials.ts'
import { assumedRole } from './assumed-role.ts'
import type { Aws, CallerIdentity, SendOptions } from './aws.ts'
import { endpointOf, requestHandler } from './client-configuration.ts'
import { keptCredentials } from './kept-credentials.ts'
import { callSignal, createRetryStrategy, maxAttempts } from './retry-strategy.ts'
import type { AnyClient, SdkClientClass } from './sdk-types.ts'
import { waitFor } from './wait-for.ts'
import { findWebIdentity } from './web-identity.ts'

export type AwsSurroundings = {
  /** Credentials and endpoints are found in these. */
  variables: NodeJS.ProcessEnv
  clock: Clock
  /** Who it is for, in AWS's records of who did what: `shop/stage`. */
  user?: string
  /** In [0, 1): for jitter. */
  fraction?(): number
}

const defaultTimeoutMs = 2 * 60_000
const credentialsTimeoutMs = 60_000
const defaultMaxPages = 1000

export function openAws(access: AwsAccess, surroundings: AwsSurroundings): Aws {
  const { variables, clock, user, fraction = Math.random } = surroundings
  const { region } = access
  const clients = new Map<unknown, AnyClient>()
  const ambient = ambientCredentials({
    profile: access.profile,
    variables,
    region,
    endpoint: endpointOf('STS', access, variables),
  })
  const source = keptCredentials(access.role === null ? ambient : roleCredentials(access.role), clock)

  function roleCredentials(role: string): CredentialSource {
    return assumedRole({
      role,
      sessionName: sessionName(user),
      webIdentity: findWebIdentity(variables, role, clock),
      sts: async () => make<STSClient>((await import('@aws-sdk/client-sts')).STSClient, ambient),
      ambient,
      explain: (error, operation) => explain(error, { service: 'STS', operation }),
    })
  }

  function make<Made extends AnyClient>(clientClass: SdkClientClass<Made>, credentials: CredentialSource): Made {
    const made = new clientClass(
      configuration(credentials, access.endpoint ?? (variables['AWS_ENDPOINT_URL'] || undefined)),
    )
    // A service may have an endpoint of its own; what the SDK calls it, its client says.
    const endpoint = endpointOf(serviceOf(made), access, variables)
    if (!hasOwnEndpoints(variables)) return made
    made.destroy()
    return new clientClass(configuration(credentials, endpoint))
  }

  const configuration = (credentials: CredentialSource, endpoint: string | undefined) => ({
    region,
    credentials,
    requestHandler,
    maxAttempts,
    retryStrategy: createRetryStrategy({ clock, fraction }),
    customUserAgent: 'trunkline',
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
  })

  function client<Made extends AnyClient>(clientClass: SdkClientClass<Made>): Made {
    const known = clients.get(clientClass) as Made | undefined
    if (known !== undefined) return known
    const made = make(clientClass, source)
    clients.set(clientClass, made)
    return made
  }

  async function explain(error: unknown, call: { service: string; operation: string }): Promise<TrunklineError> {
    if (error instanceof TrunklineError) return error
    const { explainAwsError } = await import('./aws-error.ts')
    return explainAwsError(error, { ...call, region, role: access.role })
  }

  /** One call within its time, errors in our words. `call` is for them. */
  async function bounded<Output>(
    call: { service: string; operation: string },
    { signal, timeoutMs = defaultTimeoutMs }: SendOptions,
    run: (signal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    throwIfAborted(signal)
    const timeout = AbortSignal.timeout(timeoutMs)
    const both = AbortSignal.any([signal, timeout])
    try {
      return await orAborted(
        callSignal.run(both, () => run(both)),
        both,
      )
    } catch (error) {
      throwIfAborted(signal)
      if (timeout.aborted && !(error instanceof TrunklineError && error.code !== 'CANCELLED')) {
        throw erroredError(
          'AWS_TIMED_OUT',
          `AWS ${call.service} ${call.operation} (${region}) was not answered within ${Math.round(timeoutMs / 1000)} s`,
          { hint: 'try again; if it stays so, is there a way to AWS from here?', cause: error },
        )
      }
      throw await explain(error, call)
    }
  }

  let identity: Promise<CallerIdentity> | null = null
  async function askIdentity(): Promise<CallerIdentity> {
    const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
    const options = { signal: AbortSignal.timeout(credentialsTimeoutMs) }
    const { Account, Arn } = await aws.send(client(STSClient), new GetCallerIdentityCommand({}), options)
    return { account: Account ?? '', arn: Arn ?? '' }
  }

  const aws: Aws = {
    region,
    client,

    async send(client, command, options) {
      const call = { service: serviceOf(client), operation: operationOf(command) }
      const { signal, timeoutMs = defaultTimeoutMs, writes = false, retryWhile } = options
      if (writes && access.account !== null) await aws.assertAccount(signal)
      const once = () => bounded(call, options, (abortSignal) => client.send(command, { abortSignal }))
      if (retryWhile === undefined) return await once()
      const what = `AWS ${call.service} ${call.operation} to see what was made before`
      let last: unknown = null
      const look = async () => {
        try {
          return { output: await once() }
        } catch (error) {
          if (!retryWhile(error)) throw error
          last = error
          return null
        }
      }
      try {
        return (await waitFor({ what, look, timeoutMs, signal }, { clock, fraction })).output
      } catch (error) {
        // What AWS said last says more than that we waited for it.
        throw error instanceof TrunklineError && error.code === 'AWS_WAIT_TIMED_OUT' && last !== null ? last : error
      }
    },

    async *pages(paginate, client, input, { signal, timeoutMs, maxPages = defaultMaxPages }) {
      const options = { signal, ...(timeoutMs !== undefined && { timeoutMs }) }
      // The paginator asks by the client that it is given: this one asks by us.
      const through = Object.create(client as object, {
        send: { value: (command: Parameters<Aws['send']>[1]) => aws.send(client as never, command as never, options) },
      })
      let count = 0
      for await (const page of paginate({ client: through }, input)) {
        if (++count > maxPages) {
          throw erroredError('AWS_TOO_MANY_PAGES', `AWS ${serviceOf(client)} answers with more than ${maxPages} pages`)
        }
        yield page
      }
    },

    waitFor: (options) => waitFor(options, { clock, fraction }),

    async assertAccount(signal) {
      throwIfAborted(signal)
      identity ??= askIdentity()
      const asked = identity
      try {
        return assertIdentity(await orAborted(asked, signal), access)
      } catch (error) {
        if (identity === asked && !(error instanceof TrunklineError && error.kind === 'refused')) identity = null
        throw error
      }
    },

    isError(error, name) {
      const said = error instanceof TrunklineError ? error.cause : error
      return said instanceof Error && said.name === name
    },

    async credentials(signal): Promise<AwsCredentialIdentity> {
      const call = { service: 'STS', operation: 'credentials' }
      return await bounded(call, { signal, timeoutMs: credentialsTimeoutMs }, () => source())
    },

    async close() {
      for (const each of clients.values()) each.destroy()
      clients.clear()
    },
  }
  return aws
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason instanceof TrunklineError ? signal.reason : cancelledError()
}

/** What others wait for too is not stopped by one of them. */
async function orAborted<Output>(work: Promise<Output>, signal: AbortSignal): Promise<Output> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelledError())
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const hasOwnEndpoints = (variables: NodeJS.ProcessEnv) =>
  Object.keys(variables).some((name) => name.startsWith('AWS_ENDPOINT_URL_'))

const serviceOf = (client: unknown): string =>
  (client as { config?: { serviceId?: string } }).config?.serviceId ?? 'service'

/** `UpdateAlias` */
function operationOf(command: unknown): string {
  const { schema } = command as { schema?: readonly unknown[] }
  const name = Array.isArray(schema) && typeof schema[2] === 'string' ? schema[2] : (command as object).constructor.name
  return name.replace(/Command(?:\$\d+)?$/, '')
}

/** What AWS takes: 2 to 64 of a few characters. */
const sessionName = (user: string | undefined): string =>
  `trunkline-${(user ?? 'deploy').replaceAll(/[^\w+=,.@-]+/g, '-')}`.slice(0, 64)
