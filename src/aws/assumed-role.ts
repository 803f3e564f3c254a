/** The role of an environment, assumed with what proves best who we are. */
import type { AssumeRoleCommandOutput, STSClient } from '@aws-sdk/client-sts'
import type { AwsCredentialIdentity } from '@smithy/types'
import { erroredError, type TrunklineError } from '../model/index.ts'
import type { CredentialSource } from './ambient-credentials.ts'
import type { WebIdentity } from './web-identity.ts'

export type AssumedRoleOptions = {
  role: string
  sessionName: string
  webIdentity: WebIdentity | null
  /** A client that signs with what the surroundings offer. */
  sts(): Promise<STSClient>
  ambient: CredentialSource
  /** Puts what went wrong into our words. */
  explain(error: unknown, operation: string): Promise<TrunklineError>
}

/** With a web identity where the job has one; else whoever the surroundings say we are assumes it, or is it already. */
export function assumedRole(options: AssumedRoleOptions): CredentialSource {
  return () => (options.webIdentity === null ? assume(options) : assumeWithToken(options, options.webIdentity))
}

async function assumeWithToken(options: AssumedRoleOptions, identity: WebIdentity): Promise<AwsCredentialIdentity> {
  const { role, sessionName } = options
  const WebIdentityToken = await identity.token()
  const [{ AssumeRoleWithWebIdentityCommand }, sts] = await Promise.all([import('@aws-sdk/client-sts'), options.sts()])
  const command = new AssumeRoleWithWebIdentityCommand({
    RoleArn: role,
    RoleSessionName: sessionName,
    WebIdentityToken,
  })
  try {
    return credentialsOf(await sts.send(command), role)
  } catch (error) {
    if (!isDenial(error)) throw await options.explain(error, 'AssumeRoleWithWebIdentity')
    throw erroredError('AWS_ROLE_DENIED', `AWS does not let the identity of ${identity.from} assume ${role}`, {
      hint: 'the trust policy of the role must name the identity provider and this repository: see docs/aws.md',
      cause: error,
    })
  }
}

async function assume(options: AssumedRoleOptions): Promise<AwsCredentialIdentity> {
  const { role, sessionName } = options
  const [{ AssumeRoleCommand }, sts] = await Promise.all([import('@aws-sdk/client-sts'), options.sts()])
  try {
    return credentialsOf(await sts.send(new AssumeRoleCommand({ RoleArn: role, RoleSessionName: sessionName })), role)
  } catch (error) {
    if (!isDenial(error)) throw await options.explain(error, 'AssumeRole')
    const caller = await callerOf(sts)
    if (caller !== null && isSessionOf(caller, role)) return await options.ambient()
    throw erroredError('AWS_ROLE_DENIED', `${caller ?? 'who the credentials belong to'} may not assume ${role}`, {
      hint: `the trust policy of the role must name it, and it needs the permission sts:AssumeRole on ${role}`,
      cause: error,
    })
  }
}

function credentialsOf({ Credentials: given }: AssumeRoleCommandOutput, role: string): AwsCredentialIdentity {
  if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken) {
    throw erroredError('AWS_UNEXPECTED_ANSWER', `STS gave no credentials for ${role}`)
  }
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
    ...(given.Expiration && { expiration: given.Expiration }),
  }
}

const isDenial = (error: unknown): boolean => error instanceof Error && error.name.startsWith('AccessDenied')

/** null where even that is not said. */
async function callerOf(sts: STSClient): Promise<string | null> {
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts')
  return await sts.send(new GetCallerIdentityCommand({})).then(
    ({ Arn }) => Arn ?? null,
    () => null,
  )
}

/** `arn:aws:sts::1:assumed-role/deployer/session` is one of `arn:aws:iam::1:role/path/deployer`. */
export function isSessionOf(caller: string, role: string): boolean {
  const [, account, name] = /^arn:[\w-]+:sts::(\d+):assumed-role\/([^/]+)\//.exec(caller) ?? []
  const [, roleAccount, path = ''] = /^arn:[\w-]+:iam::(\d+):role\/(.+)$/.exec(role) ?? []
  return account !== undefined && account === roleAccount && name === path.split('/').at(-1)
}
