/** Whether what was deployed does what it must: a command in a clean checkout, or an HTTP probe. */
import { erroredError, passed, reason, type ServiceName, type Verdict, type Verification } from '../../model/index.ts'
import type { StageToVerify } from '../../ports/index.ts'
import { prepareOf } from '../release/study.ts'
import { verificationVariables } from './service-variables.ts'
import { type StepContext, surroundingsNow } from './step-context.ts'

/** A new set is healthy when it is verified: what it does not answer soon it does not answer. People may be asking it, too. */
const stageProbeTimeoutMs = 10_000

/** `elsewhere`: addresses to ask in place of the ones that people use. */
export async function verify(
  verification: Verification,
  { run, signal, log }: StepContext,
  elsewhere: Readonly<Record<ServiceName, string>> = {},
): Promise<Verdict> {
  const { world } = run.engine
  const now = await surroundingsNow(run, signal)
  const addresses = { ...now.addresses, ...elsewhere }
  if (verification.kind === 'http') {
    const base = addresses[verification.service]
    if (base === undefined) {
      return {
        ok: false,
        reasons: [reason('no-address', `${verification.service} has no address to probe in ${run.policy.name}`)],
      }
    }
    return await world.probe.probe(
      {
        url: new URL(verification.path, base).href,
        status: verification.status,
        contains: verification.contains,
        timeoutMs: verification.timeoutMs,
      },
      signal,
    )
  }
  const variables = verificationVariables(verification.env, run.gathered, { ...now, addresses })
  const absent = [...variables.missing, ...variables.awaited]
  if (absent.length > 0) {
    throw erroredError('VARIABLE_MISSING', `verification ${verification.name} needs ${absent.join(', ')}, not set here`)
  }
  return await world.builder.runInCheckout(
    {
      commit: run.candidate.commit,
      prepare: await prepareOf(run.engine, run.candidate.commit),
      run: verification.run,
      env: { ...variables.values, TRUNKLINE_ENVIRONMENT: run.policy.name },
      timeoutMs: verification.timeoutMs,
    },
    { signal, log, secrets: [...run.gathered.secrets, ...variables.secrets] },
  )
}

/**
 * Between the stages of a rollout: the verifications a stage names, one after the other until one says no. They are
 * given the address where the new set answers alone: at the one that people use, most answers of a canary would come
 * from the old.
 */
export async function verifyStage(
  { service, weight, verify: names, address }: StageToVerify,
  verifications: readonly Verification[],
  context: StepContext,
): Promise<Verdict> {
  const { world } = context.run.engine
  for (const name of names) {
    const verification = verifications.find((known) => known.name === name)
    if (verification === undefined) throw new Error(`the plan has no verification ${name}`)
    await world.boundary(`stage ${weight} of ${context.run.policy.name}/${service}`)
    const patient = Math.min(verification.timeoutMs, stageProbeTimeoutMs)
    const asked = verification.kind === 'http' ? { ...verification, timeoutMs: patient } : verification
    const verdict = await verify(asked, context, address === null ? {} : { [service]: address })
    if (!verdict.ok) return { ...verdict, reasons: [whichStage(service, weight, name), ...verdict.reasons] }
  }
  return passed
}

const whichStage = (service: ServiceName, weight: number, name: string) =>
  reason(
    'stage-failed',
    weight === 0
      ? `${name} failed on the new instances of ${service}, before they got any request`
      : `${name} failed when ${service} was at ${weight} %`,
  )
