/**
 * One function brought to its desired generation: its zip, a version of it, and the alias that leads there. Each step
 * looks first, so that whoever comes after a controller that died goes on where it was.
 */

import { type FingerprintKey, fingerprintWith } from '../../aws/fingerprint-key.ts'
import { type Fingerprint, isStaged, passed, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { leadsTo, readAlias } from './functions/alias.ts'
import { lambdaRunOf } from './functions/configuration.ts'
import { ensureVersion } from './functions/ensure-version.ts'
import { ensureUrl } from './functions/function-url.ts'
import { forgetVersions } from './functions/versions.ts'
import type { Place } from './place.ts'
import { type EnvironmentRecord, type FunctionRecord, recordOf } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'
import { leadBack, leadTo, note, notePending, type Rollout, tryOut } from './rollout.ts'
import { secretsOf, variablesOf } from './variables.ts'
import type { Zips } from './zips.ts'

export type Opened = { place: Place; book: RecordBook; zips: Zips; key: FingerprintKey }

export async function ensureFunction(opened: Opened, given: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { place, book, zips } = opened
  const { service } = given
  const { signal } = context
  const run = lambdaRunOf(service, given.desired)
  const name = place.functionOf(service)
  context.report({ ready: 0, desired: 1, old: 0 })
  const [record, request] = await Promise.all([book.read(signal), withFingerprint(opened, given, signal)])
  const { desired } = request
  const variables = variablesOf(service, desired, request.variables, record)
  const wanted = { service, name, run, desired, variables, isRepair: request.isRepair === true }
  const [ensured, alias] = await Promise.all([
    ensureVersion(place, zips, wanted, context),
    readAlias(place, name, place.alias, signal),
  ])
  if (!ensured.ok) return ensured
  const before = recordFor(record, request, name)
  const rollout: Rollout = {
    ...{ place, book, context, service, name, run, request, alias },
    version: ensured.version,
    old: before.settled?.version ?? alias?.version ?? null,
    record: before,
  }
  const verdict = await bringRequests(rollout)
  if (!verdict.ok) return verdict
  await settle(rollout)
  await forget(rollout, ensured.published)
  context.report({ ready: 1, desired: 1, old: 0 })
  return passed
}

/** The first deployment makes the key; a plan before it had none. */
export async function withFingerprint(
  { key }: Opened,
  request: RolloutRequest,
  signal: AbortSignal,
): Promise<RolloutRequest> {
  if (request.desired.fingerprint !== null) return request
  const fingerprint: Fingerprint = fingerprintWith(await key.made(signal), request.variables)
  return { ...request, desired: { ...request.desired, fingerprint } }
}

/** One that went by another name is none of ours any more. */
function recordFor(record: EnvironmentRecord, { service, desired }: RolloutRequest, name: string): FunctionRecord {
  const known = recordOf(record, service)
  const secrets = secretsOf(desired)
  if (known?.name === name) return { ...known, secrets }
  return { name, isStack: false, url: null, functionUrl: null, secrets, settled: null, pending: null }
}

async function bringRequests(rollout: Rollout): Promise<Verdict> {
  const { request, version, alias, record, context, old } = rollout
  const isThere = leadsTo(alias, version) && record.pending === null
  if (isThere) return passed
  await abandonEarlier(rollout)
  const { strategy } = request
  if (isStaged(strategy) && old !== null && old !== version) {
    // With it comes the client of CloudWatch.
    const { rollOutInStages } = await import('./staged/roll-out-in-stages.ts')
    return await rollOutInStages(rollout, strategy)
  }
  if (!leadsTo(rollout.alias, version)) {
    const tried = await tryOut(rollout)
    if (!tried.ok) return tried
  }
  await notePending(rollout, { weight: 100 })
  context.log(`${rollout.name}: all requests go to version ${version}`)
  await leadTo(rollout, version, context.signal)
  return passed
}

/** Another version was on its way when its controller died: it never passed, and must not count as old. */
async function abandonEarlier(rollout: Rollout): Promise<void> {
  const { record, version, context, name, old } = rollout
  const { pending } = record
  if (pending === null || pending.version === version) return
  if (old !== null && !leadsTo(rollout.alias, old)) {
    context.log(`${name}: an earlier rollout stopped on its way: it is taken back first`)
    await leadBack(rollout, context.signal)
  }
  await note(rollout, (before) => ({ ...before, pending: null }))
}

async function settle(rollout: Rollout): Promise<void> {
  const { place, name, run, request, version, context, record, service } = rollout
  const { generation, artifact, fingerprint } = request.desired
  const at = { name, alias: place.alias }
  const hadOne = record.functionUrl !== null
  const functionUrl =
    run.url === null && !hadOne ? null : await ensureUrl(place, at, { wanted: run.url, hadOne }, context.signal)
  const url = place.urlOf(service) ?? functionUrl
  await note(rollout, (before) => ({
    ...{ ...before, name, url, functionUrl, secrets: record.secrets },
    settled: { generation, artifact, fingerprint, version },
    pending: null,
  }))
}

/** Room is given back for a good deal of versions at once or never: it is no reason to fail. */
async function forget({ place, name, context }: Rollout, published: readonly string[]): Promise<void> {
  try {
    await forgetVersions(place, name, published, context.signal)
  } catch (error) {
    if (context.signal.aborted) throw error
    context.log(`${name}: old versions stay: ${error instanceof Error ? error.message : String(error)}`)
  }
}
