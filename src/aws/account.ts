import { type AwsAccess, refusedError } from '../model/index.ts'
import type { CallerIdentity } from './aws.ts'

/** Parts of AWS that share nothing, accounts and keys least of all. */
const partitions: readonly (readonly [RegExp, string])[] = [
  [/^cn-/, 'aws-cn'],
  [/^us-gov-/, 'aws-us-gov'],
  [/^us-iso-/, 'aws-iso'],
  [/^us-isob-/, 'aws-iso-b'],
  [/^eusc-/, 'aws-eusc'],
]

/** The identity itself. Refused `WRONG_ACCOUNT` or `WRONG_REGION` where it is not one of the configured place. */
export function assertIdentity(identity: CallerIdentity, access: AwsAccess): CallerIdentity {
  const { account, arn } = identity
  const hint =
    'nothing was changed; are these the credentials of another environment? trunkline doctor says who each one is'
  if (access.account !== null && access.account !== account) {
    throw refusedError(
      'WRONG_ACCOUNT',
      `the credentials belong to the AWS account ${account} (${arn}), and the configuration says ${access.account}`,
      { hint },
    )
  }
  const partition = partitions.find(([pattern]) => pattern.test(access.region))?.[1] ?? 'aws'
  const own = arn.split(':')[1]
  if (own !== undefined && own !== '' && own !== partition) {
    throw refusedError(
      'WRONG_REGION',
      `the credentials belong to ${own} (${arn}), and the region ${access.region} is in ${partition}`,
      { hint },
    )
  }
  return identity
}
