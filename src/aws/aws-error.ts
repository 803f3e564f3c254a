/** What AWS says, in our words: who was asked for what, why it did not work, and what to do. */
import { erroredError, type TrunklineError } from '../model/index.ts'
import { permissionFor } from './permission.ts'

export type AwsCall = {
  /** As the SDK names it: `CodeDeploy`. */
  service: string
  /** `CreateDeployment` */
  operation: string
  region: string
  role: string | null
}

/** The parts of an SDK's error that are worth reading. Its hidden `$response` holds the request with its signature. */
type Said = { name: string; message: string; status: number | undefined; code: string | undefined; hasType: boolean }

const throttled =
  /^(?:Throttl|RequestThrottled|TooManyRequests|SlowDown|RequestLimitExceeded|LimitExceeded$|PriorRequest)/
const expired = /^(?:ExpiredToken|RequestExpired|TokenRefreshRequired|ExpiredCredentials)/
const unknownKey =
  /^(?:InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|AuthFailure)/
const denied = /^(?:AccessDenied|UnauthorizedOperation|Unauthorized|NotAuthorized|Forbidden)/
const unreachable = /^(?:ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|EPIPE|ETIMEDOUT|UND_|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED)/

/** Always errored: whether it is a verdict, the caller knows. The SDK's own error is its `cause`. */
export function explainAwsError(error: unknown, call: AwsCall): TrunklineError {
  const said = readError(error)
  const what = `AWS ${call.service} ${call.operation} (${call.region})`
  if (said.name === 'CredentialsProviderError') {
    return errored('AWS_NO_CREDENTIALS', `no credentials for ${what}: ${said.message}`, 'see docs/aws.md', error)
  }
  if (expired.test(said.name)) return sessionEnded(what, call, error)
  if (unknownKey.test(said.name)) {
    const hint = 'are the key and its secret those of one user, not deleted since, and is this machine’s clock right?'
    return errored('AWS_CREDENTIALS_INVALID', `${what} does not accept the credentials: ${said.message}`, hint, error)
  }
  if (denied.test(said.name) || (said.status === 403 && !said.hasType)) return accessDenied(said, what, call, error)
  if (throttled.test(said.name) || said.status === 429) {
    const hint = 'others may use up the limits of the account: try again, or ask AWS for higher ones'
    return errored('AWS_THROTTLED', `${what} still throttles after all tries: ${said.message}`, hint, error)
  }
  if (said.name === 'TimeoutError' || unreachable.test(said.code ?? '')) {
    const hint = 'is there a way to AWS from here, and is the region or the endpoint right?'
    return errored('AWS_UNREACHABLE', `${what} cannot be reached: ${said.message}`, hint, error)
  }
  if (isForeignAnswer(said)) {
    const status = said.status === undefined ? '' : ` (status ${said.status})`
    const hint = 'a proxy or another service may stand at this address'
    return errored(
      'AWS_UNEXPECTED_ANSWER',
      `${what} was answered with something that is not AWS’s${status}`,
      hint,
      error,
    )
  }
  if ((said.status ?? 0) >= 500) {
    return errored('AWS_UNAVAILABLE', `${what} is broken for now: ${textOf(said)}`, 'try again in a while', error)
  }
  return erroredError('AWS_REFUSED', `${what} refuses: ${textOf(said)}`, { cause: error })
}

const errored = (code: string, message: string, hint: string, cause: unknown) =>
  erroredError(code, message, { hint, cause })

function sessionEnded(what: string, { role }: AwsCall, cause: unknown): TrunklineError {
  const hint =
    role === null
      ? 'sign in again (aws sso login) or renew the job’s credentials'
      : `${role} could not be renewed in time`
  return errored('AWS_CREDENTIALS_EXPIRED', `${what}: the credentials have ended`, hint, cause)
}

/** `User: arn:… is not authorized to perform: lambda:GetAlias on resource: arn:… because …` */
const authorization =
  /(?:User: |user )?(arn:\S+)?\s*is not authorized to perform:? (\S+?)(?: on resource:? "?([^\s"]+)"?)?(?:[\s.]|$)(because .+)?/i

function accessDenied(said: Said, what: string, call: AwsCall, cause: unknown): TrunklineError {
  const [, who, action, resource, because] = authorization.exec(said.message) ?? []
  const permission = action ?? permissionFor(call.service, call.operation)
  const subject = who ?? call.role ?? 'who the credentials belong to'
  const on = resource === undefined ? '' : ` on ${resource}`
  const why = because === undefined ? '' : ` (${because.replace(/\.$/, '')})`
  const statement = JSON.stringify({ Effect: 'Allow', Action: permission, Resource: resource ?? '*' })
  return errored(
    'AWS_ACCESS_DENIED',
    `${what}: ${subject} lacks the permission ${permission}${on}${why}`,
    because?.includes('explicit deny')
      ? 'a policy denies it by name: no other can allow it'
      : `add to its policy: ${statement}`,
    cause,
  )
}

/** HTML, or nothing that the protocol knows: the SDK could not even read an error's name. */
const isForeignAnswer = (said: Said): boolean =>
  said.name === 'SyntaxError' || said.message.includes('Deserialization error') || /^\s*</.test(said.message)

function readError(error: unknown): Said {
  if (!(error instanceof Error))
    return { name: '', message: String(error), status: undefined, code: undefined, hasType: false }
  const { $metadata, code } = error as Error & { $metadata?: { httpStatusCode?: number }; code?: unknown }
  const name = error.name === 'Error' && typeof code === 'string' ? code : error.name
  const message = error.message || (error instanceof AggregateError ? String(error.errors[0]) : '')
  return {
    name,
    message,
    status: $metadata?.httpStatusCode,
    code: typeof code === 'string' ? code : undefined,
    hasType: name !== 'Error' && name !== 'Unknown' && name !== 'UnknownError',
  }
}

/** `ValidationError: Stack [shop] does not exist` */
const textOf = ({ name, message }: Said): string =>
  [name, message].filter((part) => part !== '' && part !== 'Error').join(': ')
