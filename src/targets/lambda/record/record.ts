/**
 * What Trunkline remembers of an environment's functions, since AWS tells of aliases one by one: which version took all
 * requests when a rollout was done, and how far one has come that is on its way. One object in S3; who writes it names
 * the version that was read, so that nobody overwrites what they have not seen.
 */
import { z } from 'zod'
import { erroredError } from '../../../model/index.ts'

const generationShape = {
  generation: z.string(),
  artifact: z.string(),
  fingerprint: z.string().nullable(),
}

const settledSchema = z.object({
  ...generationShape,
  /** The published version that the alias leads to. */
  version: z.string(),
})

const pendingSchema = z.object({
  ...generationShape,
  version: z.string(),
  /** Of new requests, in percent. */
  weight: z.number(),
  /** When the weight was verified; null: not yet. */
  verifiedAtMs: z.number().nullable(),
  /** Alarms that had gone off before it got any request, and when: while they stay so they say nothing about it. */
  ringing: z.record(z.string(), z.number()),
})

const functionSchema = z.object({
  /** What it is called; of a service that `serverless.yml` describes, its stack. */
  name: z.string(),
  isStack: z.boolean().default(false),
  /** Where people reach it. */
  url: z.string().nullable(),
  /** An address of the function's own. */
  functionUrl: z.string().nullable(),
  /** Names of its variables that are secret. */
  secrets: z.array(z.string()),
  settled: settledSchema.nullable(),
  pending: pendingSchema.nullable(),
})

const recordSchema = z.object({
  version: z.literal(1),
  /** Of the lease under which it was last written. */
  epoch: z.number(),
  functions: z.record(z.string(), functionSchema),
})

export type Settled = z.output<typeof settledSchema>
export type Pending = z.output<typeof pendingSchema>
export type FunctionRecord = z.output<typeof functionSchema>
export type EnvironmentRecord = z.output<typeof recordSchema>

export const emptyRecord: EnvironmentRecord = { version: 1, epoch: 0, functions: {} }

/** Another version than ours is never guessed at: who changes the format counts it up, and reads what was before. */
const versionSchema = z.object({ version: z.number().int() })

export function parseRecord(text: string, where: string): EnvironmentRecord {
  const document = jsonIn(text)
  const read = recordSchema.safeParse(document)
  if (read.success) return read.data
  const { data } = versionSchema.safeParse(document)
  if (data !== undefined && data.version > 1) {
    throw erroredError('RECORD_NEWER', `a newer Trunkline has written ${where} (version ${data.version})`, {
      hint: 'deliver to this environment with that one from now on',
    })
  }
  throw erroredError('RECORD_UNREADABLE', `${where} is not what Trunkline has written`, {
    hint: 'delete it: every function is looked at anew once, and nothing is changed that is as it should be',
    cause: read.error,
  })
}

/** undefined: it is none. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const recordOf = ({ functions }: EnvironmentRecord, service: string): FunctionRecord | null =>
  (Object.hasOwn(functions, service) ? functions[service] : undefined) ?? null
