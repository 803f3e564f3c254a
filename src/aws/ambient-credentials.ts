/** Credentials that the surroundings offer, as AWS's own tools find them. */
import type { AwsCredentialIdentity } from '@smithy/types'
import { erroredError, TrunklineError } from '../model/index.ts'

/** Each answer is good at least a few minutes, or for ever where it has no `expiration`. */
export type CredentialSource = () => Promise<AwsCredentialIdentity>

export type AmbientOptions = {
  profile: string | null
  variables: NodeJS.ProcessEnv
  region: string
  endpoint: string | undefined
}

/**
 * Keys in variables, a profile (single sign-on, a process, a role), a web identity, a container's or an instance's role:
 * the first there is. The SDK that knows the way is loaded where keys in variables do not do.
 */
export function ambientCredentials({ profile, variables, region, endpoint }: AmbientOptions): CredentialSource {
  const named = profile ?? (variables['AWS_PROFILE'] || null)
  const own = named === null ? keysIn(variables) : null
  if (own !== null) return async () => own
  let chain: Promise<CredentialSource> | null = null
  const load = async (): Promise<CredentialSource> => {
    const { fromIni, fromNodeProviderChain } = await import('@aws-sdk/credential-providers')
    const files = {
      ...given('filepath', variables['AWS_SHARED_CREDENTIALS_FILE']),
      ...given('configFilepath', variables['AWS_CONFIG_FILE']),
      clientConfig: { region, ...(endpoint !== undefined && { endpoint }) },
    }
    if (named !== null) return fromIni({ profile: named, ...files })
    return fromNodeProviderChain({
      ...files,
      ...given('webIdentityTokenFile', variables['AWS_WEB_IDENTITY_TOKEN_FILE']),
      ...given('roleArn', variables['AWS_ROLE_ARN']),
      ...given('roleSessionName', variables['AWS_ROLE_SESSION_NAME']),
    })
  }
  return async () => {
    chain ??= load()
    const source = await chain
    try {
      return await source()
    } catch (cause) {
      if (cause instanceof TrunklineError) throw cause
      throw noCredentials(named, cause)
    }
  }
}

const given = <Name extends string>(name: Name, value: string | undefined) =>
  (value ? { [name]: value } : {}) as { [Key in Name]?: string }

function keysIn(variables: NodeJS.ProcessEnv): AwsCredentialIdentity | null {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = variables
  if (!accessKeyId || !secretAccessKey) return null
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}

function noCredentials(profile: string | null, cause: unknown): TrunklineError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return erroredError(
    'AWS_NO_CREDENTIALS',
    profile === null ? `no credentials for AWS: ${said}` : `the AWS profile ${profile} gives no credentials: ${said}`,
    {
      hint:
        profile === null
          ? 'sign in (aws sso login), set AWS_PROFILE, give the job a web identity, or see docs/aws.md'
          : 'does ~/.aws/config have it? With single sign-on, sign in first: aws sso login',
      cause,
    },
  )
}
