/** What the agent writes down before it acts, so that the next agent can go on. Secrets are in here: owner-only files. */
import { z } from 'zod'
import { digestSchema, jobSchema, routerSchema, scopeSchema, templateSchema } from './protocol.ts'

export const serviceRecordSchema = z.object({
  version: z.literal(1),
  scope: scopeSchema,
  service: z.string(),
  address: z.object({ host: z.string(), port: z.number().int() }).nullable(),
  /** The generation that served in full last; null before the first. */
  stable: z.string().nullable(),
  /** Known generations: the stable one, and what has instances. */
  generations: z.record(z.string(), templateSchema),
  /** Of a rollout in stages: how far it has come. */
  split: z
    .object({ generation: z.string(), weight: z.number().min(0).max(100), verifiedAtMs: z.number().nullable() })
    .nullable()
    .default(null),
  router: routerSchema,
  /** Of a deployment in place: the lifecycle that is not settled yet, and where it leads. */
  change: z.object({ id: z.string(), to: z.string().nullable() }).nullable().default(null),
})
export type ServiceRecord = z.infer<typeof serviceRecordSchema>

export const instanceRecordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  scope: scopeSchema,
  service: z.string(),
  template: templateSchema,
  port: z.number().int().nullable(),
  /** `none` is checked and gets no requests; `stopping` never comes back. */
  traffic: z.enum(['none', 'serving', 'draining', 'stopping']),
  createdAtMs: z.number(),
  notHealthySinceMs: z.number().nullable(),
  drainingSinceMs: z.number().nullable(),
  /** Ends in a row without a stable while between them. */
  exits: z.number().int(),
  lastEnd: z.string().nullable(),
  /** Set when nothing of it is left but its log. */
  endedAtMs: z.number().nullable(),
})
export type InstanceRecord = z.infer<typeof instanceRecordSchema>

const identitySchema = z.object({
  host: z.string().nullable(),
  pid: z.number().int(),
  startedAt: z.string().nullable(),
})

/** One start of a process. Written with `process: null` before it, and again after it. */
export const launchRecordSchema = z.object({
  version: z.literal(1),
  marker: z.string(),
  process: identitySchema.nullable(),
  launchedAtMs: z.number(),
})
export type LaunchRecord = z.infer<typeof launchRecordSchema>

export const jobRecordSchema = z.object({
  version: z.literal(1),
  scope: scopeSchema,
  job: jobSchema.extend({ artifact: digestSchema }),
  createdAtMs: z.number(),
  outcome: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('ended'), exitCode: z.number().int() }),
      z.object({ kind: z.literal('timed-out') }),
      z.object({ kind: z.literal('unknown') }),
    ])
    .nullable(),
})
export type JobRecord = z.infer<typeof jobRecordSchema>

export const epochsSchema = z.object({ version: z.literal(1), epochs: z.record(z.string(), z.number().int()) })
