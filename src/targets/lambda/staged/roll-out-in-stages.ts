/**
 * A new version gets a growing share of requests by the alias's weights, and is verified and watched at each stage. How
 * far it has come stands in the record, so that any controller goes on with it.
 */
import {
  passed,
  type RolloutStage,
  type StagedStrategy,
  type StageProgress,
  type Verdict,
} from '../../../model/index.ts'
import { pointAlias, readAlias } from '../functions/alias.ts'
import { ensureUrl } from '../functions/function-url.ts'
import { isOusted, leadBack, leadTo, note, notePending, type Rollout, tryOut } from '../rollout.ts'
import { newAlarms, ringingNow } from './alarms.ts'

/** Between two looks at the alarms; CloudWatch itself looks every ten seconds at most. */
const lookEveryMs = 5000
/** Giving a share back is one call or two. */
const returnTimeoutMs = 20_000

/**
 * On a failed verdict what took requests before takes all of them again. Thrown upon (cancelled, a fault of the world),
 * it gives the new version's share back first, since nobody looks at it any more.
 */
export async function rollOutInStages(rollout: Rollout, strategy: StagedStrategy): Promise<Verdict> {
  try {
    const verdict = await goThroughStages(rollout, strategy)
    return verdict.ok ? passed : await goBack(rollout, verdict)
  } catch (error) {
    if (!isOusted(error) && !isOusted(rollout.context.signal.reason)) await giveShareBack(rollout)
    throw error
  }
}

async function goThroughStages(rollout: Rollout, { stages }: StagedStrategy): Promise<Verdict> {
  const { context, service } = rollout
  const begun = await begin(rollout)
  if (!begun.ok) return begun
  const preview = await previewAddress(rollout)
  const weight = rollout.record.pending?.weight ?? 0
  const reached = stages.findLastIndex((stage) => stage.weight <= weight)
  for (const stage of stages.slice(Math.max(0, reached))) {
    await reach(rollout, stage)
    if (rollout.record.pending?.verifiedAtMs == null) {
      report(rollout, stage, 'verifying')
      const verdict = await whileQuiet(rollout, (signal) => verify(rollout, stage, preview, signal))
      if (!verdict.ok) return verdict
      await context.stagePassed?.({ service, weight: stage.weight })
      await notePending(rollout, { verifiedAtMs: rollout.place.clock.now() })
    }
    report(rollout, stage, 'watching')
    const verdict = await whileQuiet(rollout, (signal) => pause(rollout, stage, signal))
    if (!verdict.ok) return verdict
  }
  return passed
}

/** Before its first request: tried out by itself, and what rings already is written down. */
async function begin(rollout: Rollout): Promise<Verdict> {
  const { place, service, context, version, record, name } = rollout
  if (record.pending?.version === version) return passed
  const tried = await tryOut(rollout)
  if (!tried.ok) return tried
  const ringing = await ringingNow(place, place.settingsOf(service).alarms, context.signal)
  for (const alarm of Object.keys(ringing)) {
    context.log(`${name}: the alarm ${alarm} rings already: it says nothing about the new version until it was quiet`)
  }
  await notePending(rollout, { ringing })
  return passed
}

/** Where the new version alone answers; null where the function has no address of its own. */
async function previewAddress({ place, name, version, run, context }: Rollout): Promise<string | null> {
  if (run.url === null) return null
  const { previewAlias: alias } = place
  const { signal } = context
  const seen = await readAlias(place, name, alias, signal)
  if (seen?.version !== version) await pointAlias(place, name, alias, seen, { version }, signal)
  return await ensureUrl(place, { name, alias }, { wanted: run.url, hadOne: false }, signal)
}

async function reach(rollout: Rollout, stage: RolloutStage): Promise<void> {
  const { context, place, name, version, old } = rollout
  const { signal } = context
  if (old === null) throw new Error('a rollout in stages has something to share requests with')
  report(rollout, stage, 'moving')
  const { weight } = stage
  // Written first: who has lost the lease moves nothing.
  if (rollout.record.pending?.weight !== weight) await notePending(rollout, { weight, verifiedAtMs: null })
  if (weight === 0) return await leadTo(rollout, old, signal)
  if (weight === 100) {
    await leadTo(rollout, version, signal)
    context.log(`${name}: all requests go to version ${version}`)
    return
  }
  const { alias } = rollout
  if (alias?.version === old && alias.share?.version === version && alias.share.weight === weight) return
  const share = { version, weight }
  rollout.alias = await pointAlias(place, name, place.alias, alias, { version: old, share }, signal)
  context.log(`${name}: ${weight} % of requests go to version ${version}`)
}

/** The new version by itself where it has an address; at 100 % the address that people use. */
async function verify(
  { context, service, record, place }: Rollout,
  { weight, verify: names }: RolloutStage,
  preview: string | null,
  signal: AbortSignal,
): Promise<Verdict> {
  if (context.verifyStage === undefined || names === null || names.length === 0) return passed
  const address = weight === 100 ? (place.urlOf(service) ?? record.url) : preview
  context.log(`verifying at ${weight} %: ${names.join(', ')}`)
  if (address === null && weight < 100) {
    context.log('the new version has no address of its own: what asks the service asks its public one')
  }
  return await context.verifyStage({ service, weight, verify: names, address }, signal)
}

/** What is left of it; a clock that was set back makes it no longer than it is. */
async function pause({ place, record }: Rollout, { pauseMs }: RolloutStage, signal: AbortSignal): Promise<Verdict> {
  const now = place.clock.now()
  const since = now - (record.pending?.verifiedAtMs ?? now)
  const leftMs = Math.min(pauseMs, Math.max(0, pauseMs - since))
  if (leftMs > 0) await place.clock.sleep(leftMs, signal)
  return passed
}

/** What the work says, or which alarm has gone off, whichever comes first; alarms have the last word. */
async function whileQuiet(rollout: Rollout, work: (signal: AbortSignal) => Promise<Verdict>): Promise<Verdict> {
  const { place, service, context } = rollout
  const { alarms } = place.settingsOf(service)
  if (alarms.length === 0) return await work(context.signal)
  const over = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  const listen = async (): Promise<Verdict> => {
    const reasons = await newAlarms(place, alarms, rollout.record.pending?.ringing ?? {}, context.signal)
    return reasons.length === 0 ? passed : { ok: false, reasons }
  }
  const listening = (async (): Promise<Verdict | null> => {
    while (!signal.aborted) {
      const verdict = await listen()
      if (!verdict.ok) return verdict
      await place.clock.sleep(lookEveryMs, signal)
    }
    return null
  })().catch((error: unknown) => {
    if (over.signal.aborted) return null
    throw error
  })
  const working = work(signal)
  try {
    const first = (await Promise.race([working, listening])) ?? (await working)
    return first.ok ? await listen() : first
  } finally {
    over.abort()
    await Promise.allSettled([working, listening])
  }
}

async function goBack(rollout: Rollout, verdict: Verdict & { ok: false }): Promise<Verdict> {
  const { context, name, old } = rollout
  context.log(`${name}: all requests go back to version ${old}`)
  await leadBack(rollout, context.signal)
  await note(rollout, (before) => ({ ...before, pending: null }))
  return verdict
}

/** With a time of its own: the rollout's signal may be what ended it. What cannot be reached keeps its weights. */
async function giveShareBack(rollout: Rollout): Promise<void> {
  const { context, name, old, record, version } = rollout
  if (record.pending?.version !== version) return
  const signal = AbortSignal.timeout(returnTimeoutMs)
  try {
    context.log(`${name}: version ${old} gets all requests again`)
    await leadBack(rollout, signal)
    await notePending({ ...rollout, context: { ...context, signal } }, { weight: 0, verifiedAtMs: null })
  } catch (error) {
    context.log(`${name}: its weights stay as they are: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const report = ({ context }: Rollout, { weight }: RolloutStage, phase: StageProgress['phase']): void =>
  context.report({ ready: 1, desired: 1, old: 1, stage: { weight, phase } })
