import type { STSClient } from '@aws-sdk/client-sts'
import { type AwsAccess, TrunklineError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import { assertIdentity } from './account.ts'
import { ambientCredentials, type CredentialSource } from './ambient-credentials.ts'
import { assumedRole } from './assumed-role.ts'
import type { Aws, CallerIdentity } from './aws.ts'
import { boundedCall, explain, orAborted, throwIfAborted } from './bounded-call.ts'
import { endpointOf } from './client-configuration.ts'
import { type Clients, createClients, operationOf, serviceOf } from './clients.ts'
import { keptCredentials } from './kept-credentials.ts'
import { pagesOf } from './pages.ts'
import { callSignal } from './retry-strategy.ts'
import type { AnyClient } from './sdk-types.ts'
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
const maxTextTries = 4

export function openAws(access: AwsAccess, surroundings: AwsSurroundings): Aws {
  const { variables, clock, fraction = Math.random } = surroundings
  const clients = createClients({ access, variables, clock, fraction })
  const credentials = openCredentials(access, surroundings, clients)
  const known = new Map<unknown, AnyClient>()
  let identity: Promise<CallerIdentity> | null = null

  async function askIdentity(): Promise<CallerIdentity> {
    const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
    const options = { signal: AbortSignal.timeout(credentialsTimeoutMs) }
    const { Account, Arn } = await aws.send(aws.client(STSClient), new GetCallerIdentityCommand({}), options)
    return { account: Account ?? '', arn: Arn ?? '' }
  }

  const aws: Aws = {
    region: access.region,

    client(clientClass) {
      const made = known.get(clientClass) ?? clients.make(clientClass, credentials)
      known.set(clientClass, made)
      return made as InstanceType<typeof clientClass>
    },

    async send(client, command, { signal, timeoutMs = defaultTimeoutMs, writes = false, retryWhile }) {
      if (writes && access.account !== null) await aws.assertAccount(signal)
      const call = { service: serviceOf(client), operation: operationOf(command) }
      const once = () =>
        boundedCall(call, { signal, timeoutMs }, access, (abortSignal) => client.send(command, { abortSignal }))
      if (retryWhile === undefined) return await once()
      const what = `AWS ${call.service} ${call.operation} to see what was made before`
      return await caughtUp(once, retryWhile, (look) => aws.waitFor({ what, look, timeoutMs, signal }))
    },

    async text(client, command, options) {
      const { signal, timeoutMs = defaultTimeoutMs } = options
      const call = { service: serviceOf(client), operation: operationOf(command) }
      for (let tries = 1; ; tries++) {
        const output = await aws.send(client, command, options)
        try {
          const text = await boundedCall(call, { signal, timeoutMs }, access, async () => {
            return (await output.Body?.transformToString()) ?? ''
          })
          return { text, output }
        } catch (error) {
          if (tries === maxTextTries || !isBrokenOff(error)) throw error
        }
      }
    },

    pages(paginate, client, input, { signal, timeoutMs, maxPages = defaultMaxPages }) {
      const options = { signal, ...(timeoutMs !== undefined && { timeoutMs }) }
      const send = (command: unknown) => aws.send(client as never, command as never, options)
      return pagesOf(paginate, client, input, { send, maxPages })
    },

    waitFor: (options) => waitFor(options, { clock, fraction }),

    async assertAccount(signal) {
      throwIfAborted(signal)
      identity ??= askIdentity()
      const asked = identity
      try {
        return assertIdentity(await orAborted(asked, signal), access)
      } catch (error) {
        // A wrong account stays one; what went wrong on the way there is asked again.
        if (identity === asked && !(error instanceof TrunklineError && error.kind === 'refused')) identity = null
        throw error
      }
    },

    isError(error, name) {
      const said = error instanceof TrunklineError ? error.cause : error
      return said instanceof Error && said.name === name
    },

    credentials(signal) {
      const call = { service: 'STS', operation: 'credentials' }
      return boundedCall(call, { signal, timeoutMs: credentialsTimeoutMs }, access, () => credentials())
    },

    async close() {
      for (const each of known.values()) each.destroy()
      known.clear()
    },
  }
  return aws
}

function openCredentials(
  access: AwsAccess,
  { variables, clock, user }: AwsSurroundings,
  clients: Clients,
): CredentialSource {
  const { profile, region, role } = access
  const ambient = ambientCredentials({ profile, variables, region, endpoint: endpointOf('STS', access, variables) })
  const source =
    role === null
      ? ambient
      : assumedRole({
          role,
          sessionName: sessionName(user),
          webIdentity: findWebIdentity(variables, role, clock),
          sts: async () => clients.make<STSClient>((await import('@aws-sdk/client-sts')).STSClient, ambient),
          ambient,
          explain: (error, operation) => explain(error, { service: 'STS', operation }, access),
        })
  // All wait for it: that one of them gives up is nothing to it.
  return keptCredentials(() => callSignal.run(AbortSignal.timeout(credentialsTimeoutMs), source), clock)
}

const isBrokenOff = (error: unknown): boolean => error instanceof TrunklineError && error.code === 'AWS_UNREACHABLE'

/** What AWS takes: 2 to 64 of a few characters. */
const sessionName = (user: string | undefined): string =>
  `trunkline-${(user ?? 'deploy').replaceAll(/[^\w+=,.@-]+/g, '-')}`.slice(0, 64)

type Look<Output> = () => Promise<{ output: Output } | null>

/** Asks again while AWS has not caught up with itself; in the end says what AWS said, not that we waited. */
async function caughtUp<Output>(
  once: () => Promise<Output>,
  retryWhile: (error: unknown) => boolean,
  wait: (look: Look<Output>) => Promise<{ output: Output }>,
): Promise<Output> {
  let last: unknown = null
  const look: Look<Output> = async () => {
    try {
      return { output: await once() }
    } catch (error) {
      if (!retryWhile(error)) throw error
      last = error
      return null
    }
  }
  try {
    return (await wait(look)).output
  } catch (error) {
    throw error instanceof TrunklineError && error.code === 'AWS_WAIT_TIMED_OUT' && last !== null ? last : error
  }
}
