/** Which account of AWS an environment reaches from here, as whom, and whether that is the configured one. */
import { openAws } from '../aws/index.ts'
import type { AwsAccess } from '../model/index.ts'
import type { World } from '../ports/index.ts'
import { bad, type Finding } from './finding.ts'

/** `user` is how AWS's records name us; nothing is asked where nothing of AWS is said. */
export async function examineAws(
  about: string,
  access: AwsAccess | undefined,
  { world, user, signal }: { world: Pick<World, 'environment' | 'clock'>; user: string; signal: AbortSignal },
): Promise<Finding[]> {
  if (access === undefined) return []
  const aws = openAws(access, { variables: world.environment, clock: world.clock, user })
  try {
    const { account, arn } = await aws.assertAccount(signal)
    const at = access.endpoint === null ? '' : ` at ${access.endpoint}`
    const reached = `AWS is reached as ${arn}, in ${access.region}${at}`
    if (access.account !== null) {
      return [{ about, verdict: 'good', message: `${reached}: account ${account}, as configured` }]
    }
    const hint = `say which account it must be: aws: { account: "${account}" }`
    return [{ about, verdict: 'note', message: `${reached}: whatever account, here ${account}`, hint }]
  } catch (error) {
    return [bad(about, error)]
  } finally {
    await aws.close()
  }
}
