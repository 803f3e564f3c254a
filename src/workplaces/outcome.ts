/** What came of a run: a document attached to its order, so that it outlives the worker and whoever waits for it. */
import * as z from 'zod'
import { canonicalJson } from '../hashing/index.ts'
import { type Digest, type Reason, TrunklineError } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'
import { readDocument } from './stored-document.ts'
import { digestSchema } from './ticket.ts'

// As `model/reason.ts` has it; a worker of a later version may say more.
const reasonSchema = z.looseObject({ code: z.string(), message: z.string() }).transform((given) => given as Reason)
const text = z.string()

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('passed') }),
  z.object({ kind: z.literal('built'), artifact: digestSchema, startedAt: text, endedAt: text }),
  z.object({ kind: z.literal('failed'), reasons: z.array(reasonSchema), logTail: z.array(text) }),
  /** The world's fault, policy's no, or a mistake of who asked: thrown where the work was asked for. */
  z.object({
    kind: z.literal('fault'),
    fault: z.enum(['usage', 'failed', 'refused', 'errored']),
    code: text,
    message: text,
    hint: text.nullable(),
  }),
])

const outcomeSchema = z.object({ version: z.literal(1), run: text, result: resultSchema })

export type WorkResult = z.output<typeof resultSchema>
export type WorkOutcome = z.output<typeof outcomeSchema>

const outcomeType = 'application/vnd.trunkline.work-outcome.v1+json'

export async function storeOutcome(
  artifacts: ArtifactStore,
  order: Digest,
  outcome: WorkOutcome,
  signal: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(canonicalJson(outcome))
  const annotations = { 'dev.trunkline.run': outcome.run }
  await artifacts.attach(order, { artifactType: outcomeType, mediaType: outcomeType, bytes, annotations }, signal)
}

/** Null where that run has left none. */
export async function findOutcome(
  artifacts: ArtifactStore,
  order: Digest,
  run: string,
  signal: AbortSignal,
): Promise<WorkResult | null> {
  for (const { artifactType, digest } of await artifacts.referrers(order, signal)) {
    if (artifactType !== outcomeType) continue
    const parsed = outcomeSchema.safeParse(await readDocument(artifacts, digest, signal))
    if (parsed.success && parsed.data.run === run) return parsed.data.result
  }
  return null
}

/** A fault as it is told by a worker; null: it was told to stop. */
export function faultOf(error: unknown): WorkResult | null {
  if (!(error instanceof TrunklineError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: 'fault', fault: 'errored', code: 'WORKER_BROKE', message, hint: null }
  }
  if (error.kind === 'cancelled') return null
  return { kind: 'fault', fault: error.kind, code: error.code, message: error.message, hint: error.hint ?? null }
}

/** What is amiss there is not amiss here: people must know which machine is meant. */
export function throwFault(fault: WorkResult & { kind: 'fault' }, location: string): never {
  const hint = hintFor(fault.code) ?? fault.hint
  // Here it is there, as all that an order names was a moment ago: unlike what is lost it is worth another try.
  const code = fault.code === 'ARTIFACT_MISSING' ? 'WORK_INPUT_MISSING' : fault.code
  throw new TrunklineError(fault.fault, code, `${fault.message} (${location})`, hint === null ? {} : { hint })
}

const ofImage: Readonly<Record<string, string>> = {
  IMAGE_BUILDER_MISSING: 'the image that builds run in must have buildah or podman: see docs/building-elsewhere.md',
  TOOL_MISSING: 'add it to the image that builds run in: see docs/building-elsewhere.md',
  TOOL_VERSION: 'the image that builds run in must have the declared version: see docs/building-elsewhere.md',
}
const hintFor = (code: string): string | null => ofImage[code] ?? null
