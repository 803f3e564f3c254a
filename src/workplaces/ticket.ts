/** What a worker is told when it starts: where its order is, and for whom it runs. Nothing in it is secret. */
import * as z from 'zod'
import { type ArtifactStoreLocation, type CommitId, type Digest, usageError } from '../model/index.ts'

/** The variable that a ticket travels in. */
export const ticketVariable = 'TRUNKLINE_WORK'

export const digestSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .transform((text) => text as Digest) // Just checked.

const storeSchema: z.ZodType<ArtifactStoreLocation> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('oci-layout'), path: z.string().nullable() }),
  z.object({ kind: z.literal('oci-registry'), repository: z.string(), insecure: z.boolean() }),
  z.object({ kind: z.literal('s3'), bucket: z.string(), prefix: z.string() }),
])

/** A worker is there as itself: it takes on no role of whoever delivers. */
const awsSchema = z.object({ region: z.string(), account: z.string().nullable(), endpoint: z.string().nullable() })

const ticketSchema = z.object({
  version: z.literal(1),
  order: digestSchema,
  /** Tells this execution of the order from others; where the workplace gives it a name, the variable that has it. */
  run: z.union([z.string().min(1), z.object({ from: z.string() })]),
  /** Whose delivery asked for it first. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .transform((text) => text as CommitId), // Just checked.
  store: storeSchema,
  /** Where the store is a bucket; null: the project says nothing of AWS. */
  aws: awsSchema.nullable(),
  services: z.array(z.string()),
})

export type WrittenTicket = z.output<typeof ticketSchema>
export type Ticket = WrittenTicket & { run: string }

export const writeTicket = (ticket: WrittenTicket): string => JSON.stringify(ticket)

/** Usage error `NO_WORK`, `BAD_TICKET`. */
export function readTicket(environment: NodeJS.ProcessEnv): Ticket {
  const text = environment[ticketVariable]
  if (!text) {
    throw usageError('NO_WORK', `there is no work: ${ticketVariable} is not set`, {
      hint: 'where builds run elsewhere Trunkline starts this by itself; nobody else needs it',
    })
  }
  const parsed = ticketSchema.safeParse(jsonOrNull(text))
  if (parsed.success) return { ...parsed.data, run: runOf(parsed.data, environment) }
  const [issue] = parsed.error.issues
  throw usageError('BAD_TICKET', `${ticketVariable} is no ticket: ${issue?.path.join('.')} ${issue?.message}`, {
    hint: 'the image of the workplace may hold another version of Trunkline than the one that delivers',
  })
}

function runOf({ run }: WrittenTicket, environment: NodeJS.ProcessEnv): string {
  const name = typeof run === 'string' ? run : environment[run.from]
  if (name) return name
  throw usageError('BAD_TICKET', 'this run has no name: the variable that its ticket speaks of is not set')
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
