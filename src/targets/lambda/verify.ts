/** Whether a function still is what was ensured, and works; and taking one away. */
import { DeleteFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { passed, reason, type ServiceName, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import type { Opened } from './ensure.ts'
import { leadsTo, readAlias } from './functions/alias.ts'
import { isOurs, readFunction, verdictOf } from './functions/function.ts'
import { recordOf } from './record/record.ts'

export async function verifyFunction(
  { place, book }: Opened,
  { service, desired }: RolloutRequest,
  { signal }: TargetContext,
): Promise<Verdict> {
  const name = place.functionOf(service)
  const settled = recordOf(await book.read(signal), service)?.settled ?? null
  if (settled === null || settled.generation !== desired.generation) {
    return { ok: false, reasons: [reason('not-what-was-ensured', `${name} is not what was brought there`)] }
  }
  const [alias, version] = await Promise.all([
    readAlias(place, name, place.alias, signal),
    readFunction(place, name, signal, settled.version),
  ])
  if (version === null || !leadsTo(alias, settled.version)) {
    const where = version === null ? 'is gone' : `is not what the alias ${place.alias} leads to`
    return { ok: false, reasons: [reason('not-what-was-ensured', `version ${settled.version} of ${name} ${where}`)] }
  }
  const verdict = verdictOf(`${name}:${settled.version}`, version)
  return verdict.ok ? passed : verdict
}

/** One that was there before Trunkline stays: what calls it is known to its owner alone. */
export async function removeFunction(
  { place, book }: Opened,
  service: ServiceName,
  context: TargetContext,
): Promise<Verdict> {
  const { signal, log } = context
  const remembered = recordOf(await book.read(signal), service)
  if (remembered === null) return passed
  const { name, isStack } = remembered
  const { aws } = place
  // Written with the lease's epoch before anything is taken away: who has lost it ends here.
  await book.change(service, (before) => before && { ...before, settled: null, pending: null }, context)
  if (isStack) log(`${name} is no longer deployed; the stack stays until somebody removes it: osls remove`)
  else if (await isOurs(place, name, signal)) {
    const command = new DeleteFunctionCommand({ FunctionName: name })
    try {
      await aws.send(aws.client(LambdaClient), command, { signal, writes: true })
      log(`deleted the function ${name}`)
    } catch (error) {
      if (!aws.isError(error, 'ResourceNotFoundException')) throw error
    }
  } else log(`${name} is no longer deployed; the function stays: Trunkline has not made it`)
  await book.change(service, () => null, context)
  return passed
}
