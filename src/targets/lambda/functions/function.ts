/** One function as AWS has it: looked at, made, changed, waited for. */
import {
  CreateFunctionCommand,
  type FunctionConfiguration,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { type Reason, reason, refusedError } from '../../../model/index.ts'
import type { Place } from '../place.ts'
import { type Zip, zipChanged } from '../zips.ts'
import { codeDifferences, configurationOf, settingDifferences, type WantedFunction } from './configuration.ts'

/** Or why AWS could not do it: a verdict. */
export type Made = { ok: true; configuration: FunctionConfiguration } | { ok: false; reasons: Reason[] }

export type Step = { signal: AbortSignal; log(line: string): void }

/** Between two looks at a change that is on its way. */
const lookEveryMs = 300

/** null: there is none. Of `$LATEST`, or of a version or an alias. */
export async function readFunction(
  { aws }: Place,
  name: string,
  signal: AbortSignal,
  qualifier?: string,
): Promise<FunctionConfiguration | null> {
  const command = new GetFunctionConfigurationCommand({
    FunctionName: name,
    ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
  })
  try {
    return await aws.send(aws.client(LambdaClient), command, { signal })
  } catch (error) {
    if (aws.isError(error, 'ResourceNotFoundException')) return null
    throw error
  }
}

/** `$LATEST` as it is wanted; only what differs is changed. `live` null: it is made. */
export async function bringLatest(
  place: Place,
  live: FunctionConfiguration | null,
  wanted: WantedFunction,
  zip: Zip,
  step: Step,
): Promise<Made> {
  if (live === null) return await createFunction(place, wanted, zip, step)
  // A change that somebody began is waited for; a function that failed may be mended by ours.
  let { configuration } = await settled(place, wanted.name, step, live)
  if (codeDifferences(configuration, wanted).length > 0) {
    const brought = await updateCode(place, configuration, wanted, zip, step)
    if (!brought.ok) return brought
    configuration = brought.configuration
  }
  const differing = settingDifferences(configuration, wanted).map(({ path }) => path)
  if (differing.length > 0) {
    step.log(`${wanted.name}: ${differing.join(', ')}`)
    return await updateConfiguration(place, configuration, wanted, step)
  }
  return verdictOf(wanted.name, configuration)
}

/** Of functions that Trunkline has made, and so may delete. */
const tagsOf = ({ project, environment }: Place): Record<string, string> => ({
  'trunkline:project': project,
  'trunkline:environment': environment,
})

export async function isOurs(place: Place, name: string, signal: AbortSignal): Promise<boolean> {
  const { aws } = place
  try {
    const { Tags = {} } = await aws.send(aws.client(LambdaClient), new GetFunctionCommand({ FunctionName: name }), {
      signal,
    })
    return Object.entries(tagsOf(place)).every(([tag, value]) => Tags[tag] === value)
  } catch (error) {
    if (aws.isError(error, 'ResourceNotFoundException')) return false
    throw error
  }
}

async function createFunction(place: Place, wanted: WantedFunction, zip: Zip, step: Step): Promise<Made> {
  const { aws } = place
  const { name, role, architecture } = wanted
  if (role === null) {
    throw refusedError('NO_FUNCTION', `there is no function ${name} in ${aws.region}, and none may be made`, {
      hint: 'name a `role` in the target, and Trunkline makes it; or leave that to your infrastructure',
    })
  }
  const command = new CreateFunctionCommand({
    ...configurationOf(wanted),
    FunctionName: name,
    Role: role,
    Architectures: [architecture],
    Code: { S3Bucket: zip.bucket, S3Key: zip.key },
    Tags: tagsOf(place),
  })
  try {
    const made = await aws.send(aws.client(LambdaClient), command, {
      signal: step.signal,
      writes: true,
      retryWhile: (error) => isNotYet(place, error),
    })
    step.log(`made the function ${name}`)
    if (made.CodeSha256 !== zip.sha256) throw zipChanged(zip)
  } catch (error) {
    // A controller that died here has made it.
    if (!aws.isError(error, 'ResourceConflictException')) throw error
    const live = await readFunction(place, name, step.signal)
    if (live === null) throw error
    return await bringLatest(place, live, wanted, zip, step)
  }
  return await waitSettled(place, name, step)
}

async function updateCode(
  place: Place,
  live: FunctionConfiguration,
  wanted: WantedFunction,
  zip: Zip,
  step: Step,
): Promise<Made> {
  const { aws } = place
  const { signal, log } = step
  log(`${wanted.name}: code of s3://${zip.bucket}/${zip.key}`)
  const command = new UpdateFunctionCodeCommand({
    FunctionName: wanted.name,
    S3Bucket: zip.bucket,
    S3Key: zip.key,
    Architectures: [wanted.architecture],
    RevisionId: live.RevisionId,
  })
  const options = { signal, writes: true, retryWhile: (error: unknown) => isBusy(place, error) }
  const updated = await aws.send(aws.client(LambdaClient), command, options)
  if (updated.CodeSha256 !== zip.sha256) throw zipChanged(zip)
  return await waitSettled(place, wanted.name, step, updated)
}

async function updateConfiguration(
  place: Place,
  live: FunctionConfiguration,
  wanted: WantedFunction,
  step: Step,
): Promise<Made> {
  const { aws } = place
  const { signal } = step
  const command = new UpdateFunctionConfigurationCommand({
    FunctionName: wanted.name,
    RevisionId: live.RevisionId,
    ...configurationOf(wanted),
  })
  const updated = await aws.send(aws.client(LambdaClient), command, {
    signal,
    writes: true,
    retryWhile: (error) => isBusy(place, error) || isNotYet(place, error),
  })
  return await waitSettled(place, wanted.name, step, updated)
}

/** Another change is on its way. */
const isBusy = ({ aws }: Place, error: unknown): boolean => aws.isError(error, 'ResourceConflictException')

/** A role that was made a moment ago is not known everywhere. */
const isNotYet = ({ aws }: Place, error: unknown): boolean =>
  aws.isError(error, 'InvalidParameterValueException') &&
  error instanceof Error &&
  /cannot be assumed by Lambda/.test(error.message)

/** Until AWS has done what it is at, with `$LATEST` or with a version. `known`: what AWS has just answered. */
export async function waitSettled(
  place: Place,
  name: string,
  step: Step,
  known?: FunctionConfiguration,
  qualifier?: string,
): Promise<Made> {
  const { configuration } = await settled(place, name, step, known, qualifier)
  return verdictOf(qualifier === undefined ? name : `${name}:${qualifier}`, configuration)
}

async function settled(
  place: Place,
  name: string,
  { signal, log }: Step,
  known?: FunctionConfiguration,
  qualifier?: string,
): Promise<{ configuration: FunctionConfiguration }> {
  if (known !== undefined && !isOnItsWay(known)) return { configuration: known }
  return await place.aws.waitFor({
    what: `the function ${name} to be ready`,
    timeoutMs: place.config.timeoutMs,
    intervalMs: lookEveryMs,
    ...{ signal, log },
    async look() {
      const configuration = await readFunction(place, name, signal, qualifier)
      // It was there a moment ago: not every part of AWS has heard of it.
      return configuration === null || isOnItsWay(configuration) ? null : { configuration }
    },
  })
}

const isOnItsWay = ({ State, LastUpdateStatus }: FunctionConfiguration): boolean =>
  // Lists tell no state: then nobody knows.
  State === undefined || State === 'Pending' || LastUpdateStatus === 'InProgress'

/** An inactive one has slept for want of requests: its next invocation wakes it. */
export function verdictOf(name: string, configuration: FunctionConfiguration): Made {
  const { State, StateReason, StateReasonCode, LastUpdateStatus } = configuration
  const why = (code: string | undefined, text: string | undefined) =>
    [code, text].filter((part) => part !== undefined).join(': ') || 'AWS does not say why'
  if (State === 'Failed') {
    const message = `${name} is in the state Failed: ${why(StateReasonCode, StateReason)}`
    return { ok: false, reasons: [reason('function-failed', message)] }
  }
  if (LastUpdateStatus === 'Failed') {
    const { LastUpdateStatusReasonCode: code, LastUpdateStatusReason: text } = configuration
    const message = `AWS could not change ${name}: ${why(code, text)}`
    return { ok: false, reasons: [reason('function-not-changed', message)] }
  }
  return { ok: true, configuration }
}
