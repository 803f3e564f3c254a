/**
 * Hooks and tasks: one invocation of a version that is made of the job's own artifact, with the job's text as its event.
 * Lambda knows no key under which a call counts once, so start and end are written down beside the zips: a job that was
 * started is never started again, and one whose end nobody wrote down is *unknown*.
 */
import { createHash } from 'node:crypto'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { z } from 'zod'
import { createMasker } from '../../masking/masker.ts'
import { type Json, refusedError } from '../../model/index.ts'
import type { Job, JobOutcome, TargetContext } from '../../ports/index.ts'
import type { Opened } from './ensure.ts'
import { lambdaRunOf } from './functions/configuration.ts'
import { ensureVersion } from './functions/ensure-version.ts'
import { type Invoked, invoke, isTimeout } from './functions/invoke.ts'
import type { Place } from './place.ts'

const endedSchema = z.union([
  z.object({ kind: z.literal('ended'), exitCode: z.number(), logTail: z.array(z.string()) }),
  z.object({ kind: z.literal('timed-out'), logTail: z.array(z.string()) }),
])
type Ended = z.output<typeof endedSchema>

/** For the answer to come back. */
const slackMs = 30_000

export async function runFunctionJob(opened: Opened, job: Job, context: TargetContext): Promise<JobOutcome> {
  const { place } = opened
  const { signal } = context
  const event = eventOf(job)
  const before = await jobOutcome(place, job.key, signal)
  if (before.kind !== 'never-started') return before
  const version = await versionFor(opened, job, context)
  if (typeof version !== 'string') return version
  if (!(await begin(place, job, signal))) return await jobOutcome(place, job.key, signal)
  const name = place.functionOf(job.service)
  context.log(`invoking version ${version} of ${name}`)
  const timeoutMs = Math.min(job.timeoutMs, runOf(job).timeoutMs) + slackMs
  const invoked = await invoke(place, { name, qualifier: version, event, timeoutMs, signal })
  const outcome = outcomeOf(invoked, job)
  for (const line of outcome.logTail) context.log(line)
  await write(place, job.key, 'ended', outcome, signal)
  return outcome
}

export async function jobOutcome(place: Place, key: string, signal: AbortSignal): Promise<JobOutcome> {
  const ended = await read(place, key, 'ended', signal)
  if (ended !== null) return endedSchema.parse(JSON.parse(ended))
  return (await read(place, key, 'started', signal)) === null ? { kind: 'never-started' } : { kind: 'unknown' }
}

function eventOf({ name, service, run }: Job): Json {
  try {
    return JSON.parse(run) as Json // JSON.parse gives nothing else.
  } catch {
    throw refusedError(
      'JOB_NOT_AN_EVENT',
      `${name} invokes the function ${service}: its \`run\` must be the event, as JSON`,
      {
        hint: 'for example run: \'{"task": "migrate"}\'',
      },
    )
  }
}

const runOf = ({ service, described }: Job) => lambdaRunOf(service, { run: described ?? null })

/** In the artifact of its own release, which need not run yet. */
async function versionFor(opened: Opened, job: Job, context: TargetContext): Promise<string | Ended> {
  const { place, zips } = opened
  const { service, artifact, variables } = job
  const run = runOf(job)
  const name = place.functionOf(service)
  const desired = { artifact, generation: `for ${job.name}`, fingerprint: null }
  const wanted = { service, name, run, desired, variables, isRepair: false }
  const ensured = await ensureVersion(place, zips, wanted, context)
  if (ensured.ok) return ensured.version
  return { kind: 'ended', exitCode: 1, logTail: ensured.reasons.map(({ message }) => message) }
}

function outcomeOf(invoked: Invoked, job: Job): Ended {
  const hidden = (job.secrets ?? Object.keys(job.variables)).flatMap((name) => job.variables[name] ?? [])
  const { mask } = createMasker(hidden)
  const { error } = invoked
  const said = error === null ? `answers ${invoked.answer}` : `${error.type}: ${error.message}`
  const logTail = [...invoked.logTail, said].map(mask)
  if (isTimeout(invoked)) return { kind: 'timed-out', logTail }
  return { kind: 'ended', exitCode: error === null ? 0 : 1, logTail }
}

/** False: somebody else has begun it. */
async function begin({ aws, bucket, jobKey }: Place, { key, name }: Job, signal: AbortSignal): Promise<boolean> {
  const command = new PutObjectCommand({
    ...{ Bucket: bucket, Key: jobKey(folderOf(key), 'started'), IfNoneMatch: '*' },
    Body: JSON.stringify({ key, name }),
  })
  try {
    await aws.send(aws.client(S3Client), command, { signal, writes: true })
    return true
  } catch (error) {
    if (aws.isError(error, 'PreconditionFailed') || aws.isError(error, 'ConditionalRequestConflict')) return false
    throw error
  }
}

async function write(place: Place, key: string, part: 'ended', outcome: Ended, signal: AbortSignal): Promise<void> {
  const { aws, bucket, jobKey } = place
  const command = new PutObjectCommand({
    ...{ Bucket: bucket, Key: jobKey(folderOf(key), part) },
    Body: JSON.stringify(outcome),
  })
  await aws.send(aws.client(S3Client), command, { signal, writes: true })
}

async function read(place: Place, key: string, part: 'started' | 'ended', signal: AbortSignal): Promise<string | null> {
  const { aws, bucket, jobKey } = place
  const command = new GetObjectCommand({ Bucket: bucket, Key: jobKey(folderOf(key), part) })
  try {
    const { text } = await aws.text(aws.client(S3Client), command, { signal })
    return text
  } catch (error) {
    if (aws.isError(error, 'NoSuchKey')) return null
    throw error
  }
}

const folderOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 40)
