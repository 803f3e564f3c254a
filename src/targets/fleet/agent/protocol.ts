/**
 * What a controller and an agent say to each other: `POST /<operation>` with a JSON body, answered by `{ok}` or
 * `{error}`; blobs are streamed to `PUT /blobs/<digest>`. It needs one byte stream and nothing else, so it runs over a
 * unix socket here and over SSH elsewhere.
 */
import { z } from 'zod'
import { type Digest, type Fingerprint, isDigest, type RouterConfig } from '../../../model/index.ts'
import type { JobOutcome, LogLine } from '../../../ports/index.ts'
import type { InstancePhase, RolloutInstance, Split } from '../../../rollout/index.ts'

/** Changes when an older controller or agent could misread a message. */
export const agentProtocol = 2

/** Long polls are answered after this at the latest. */
export const maxWaitMs = 20_000

/** A name that becomes part of file names and keys. */
const name = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed(), 'not well-formed Unicode')
// Brands exist for the compiler only; the refinement, or the sender's version, stands behind them.
export const digestSchema = z.string().refine(isDigest, 'not a digest') as unknown as z.ZodType<Digest>
const fingerprintSchema = z.string().max(200) as unknown as z.ZodType<Fingerprint>
const port = z.number().int().min(1).max(65_535)
const durationMs = z
  .number()
  .int()
  .min(0)
  .max(7 * 24 * 3_600_000)
/** What the system takes as an argument or a variable: it ends at a zero byte. */
const processText = z.string().regex(/^[^\0]*$/, 'has a zero byte')
const environmentVariables = z.record(z.string().regex(/^[^=\0]+$/), processText)

export const scopeSchema = z.strictObject({ project: name, environment: name })
/** One environment of one project: what a lease covers. */
export type Scope = z.infer<typeof scopeSchema>

/** With the lease epoch of the controller that wants a change. */
const fenced = { scope: scopeSchema, epoch: z.number().int().min(0) }

/** What instances of one generation are made of, complete: the agent can start one again without any controller. */
export const templateSchema = z.strictObject({
  /** Of the desired generation and the fingerprint: differs when anything an instance receives differs. */
  generation: name,
  /** As the release names it. */
  desiredGeneration: z.string(),
  fingerprint: fingerprintSchema.nullable(),
  artifact: digestSchema,
  /** For a service that is deployed in place: the path of its `appspec.yml` in the artifact. */
  command: processText.min(1),
  /** Not null: deployed in place by the scripts of its artifact, without instances of its own. */
  lifecycle: z.strictObject({ ignoreStopFailures: z.boolean() }).nullable().default(null),
  /** Variable in which the instance is told its port; null: it serves nothing. */
  port: z.string().nullable(),
  health: z.string().nullable(),
  startTimeoutMs: durationMs,
  drainTimeoutMs: durationMs,
  stopTimeoutMs: durationMs,
  env: environmentVariables,
  /** Names of the variables whose values are secret. */
  secrets: z.array(z.string()),
  replicas: z.number().int().min(1).max(1000),
})
export type Template = z.infer<typeof templateSchema>

const percent = z.number().min(0).max(100)

const commandSchema = z.array(z.string().max(1000)).min(1).max(100)
const pathSchema = z.string().min(1).max(4000)
/** What stands in front of instances; one of an older controller, or of a record of before, is our own. */
export const routerSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('built-in') }),
    z.strictObject({
      kind: z.literal('nginx'),
      directory: pathSchema,
      upstream: name,
      test: commandSchema,
      reload: commandSchema,
      pidFile: pathSchema,
    }),
    z.strictObject({ kind: z.literal('haproxy'), socket: pathSchema, backend: name }),
  ])
  .default({ kind: 'built-in' }) satisfies z.ZodType<RouterConfig>

const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('start'), generation: name, count: z.number().int().min(1).max(1000) }),
  z.strictObject({ kind: z.literal('admit'), instance: name }),
  z.strictObject({ kind: z.literal('drain'), instance: name }),
  z.strictObject({ kind: z.literal('stop'), instance: name }),
  z.strictObject({ kind: z.literal('weigh'), generation: name, weight: percent }),
  z.strictObject({ kind: z.literal('share-equally') }),
  z.strictObject({ kind: z.literal('note-verified'), generation: name, weight: percent }),
])

const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.number().int().min(0),
})

export const jobSchema = z.strictObject({
  key: z.string().min(1).max(1000),
  name: z.string(),
  service: name,
  artifact: digestSchema,
  command: processText.min(1),
  env: environmentVariables,
  secrets: z.array(z.string()),
  timeoutMs: durationMs,
})
export type JobSpec = z.infer<typeof jobSchema>

/** Every operation, by name, with what it takes. Those with an epoch change an environment and are fenced. */
export const operations = {
  describe: z.strictObject({}),
  /** Ends the agent; with `stop` also every instance, job and the router. */
  shutdown: z.strictObject({ services: z.enum(['keep', 'stop']) }),
  missingBlobs: z.strictObject({ artifact: digestSchema, blobs: z.array(digestSchema).max(1000) }),
  installArtifact: z.strictObject({
    digest: digestSchema,
    manifest: z.looseObject({ config: descriptorSchema, layers: z.array(descriptorSchema).max(1000) }),
  }),
  fingerprint: z.strictObject({ scope: scopeSchema, variables: z.record(z.string(), environmentVariables) }),
  observe: z.strictObject({ scope: scopeSchema }),
  /** Answers at once when the service's revision is not `after`, else when it changes or time is up. */
  service: z.strictObject({
    scope: scopeSchema,
    service: name,
    after: z.number().int().nullable(),
    waitMs: z.number().int().min(0).max(maxWaitMs),
  }),
  /** Gives services their public addresses, for ever; before anything of them runs. */
  reserveAddresses: z.strictObject({
    ...fenced,
    listen: z.string(),
    router: routerSchema,
    services: z.array(z.strictObject({ service: name, port: port.nullable() })).max(10_000),
  }),
  /** Makes a generation known, and gives its instances that are not healthy a fresh start. */
  prepareGeneration: z.strictObject({ ...fenced, service: name, template: templateSchema }),
  act: z.strictObject({ ...fenced, service: name, actions: z.array(actionSchema).max(10_000) }),
  /** The rollout is over: this generation is what the service goes back to from now on. null: none. */
  settle: z.strictObject({ ...fenced, service: name, generation: name.nullable() }),
  /** Begins, or joins, the lifecycle that brings a service to a generation in place; null: away from this host. */
  startLifecycle: z.strictObject({ ...fenced, service: name, generation: name.nullable() }),
  removeService: z.strictObject({ ...fenced, service: name }),
  /** Stops and forgets everything of a project, jobs and epochs included. */
  removeProject: z.strictObject({ project: name }),
  startJob: z.strictObject({ ...fenced, job: jobSchema }),
  job: z.strictObject({
    scope: scopeSchema,
    key: z.string(),
    /** Where in its output the caller has got to. */
    offset: z.number().int().min(0),
    waitMs: z.number().int().min(0).max(maxWaitMs),
  }),
  stopJob: z.strictObject({ ...fenced, key: z.string() }),
  logs: z.strictObject({
    scope: scopeSchema,
    service: name,
    instance: name.nullable(),
    lines: z.number().int().min(0).max(100_000),
    /** From an earlier answer: go on from there, waiting for more. */
    cursor: z.record(z.string(), z.number().int().min(0)).nullable(),
    waitMs: z.number().int().min(0).max(maxWaitMs),
  }),
} as const

export type OperationName = keyof typeof operations
export type OperationInput<Name extends OperationName> = z.infer<(typeof operations)[Name]>

/** What each operation answers. The agent is the only one who writes these; the client trusts its version. */
export type OperationOutput = {
  describe: AgentDescription
  shutdown: Record<string, never>
  missingBlobs: { installed: boolean; missing: Digest[] }
  installArtifact: Record<string, never>
  fingerprint: { fingerprints: Record<string, Fingerprint> }
  observe: { services: ServiceStatus[] }
  service: ServiceStatus
  reserveAddresses: { addresses: Record<string, Address> }
  prepareGeneration: ServiceStatus
  act: ServiceStatus
  settle: ServiceStatus
  startLifecycle: JobStatus & { key: string }
  removeService: Record<string, never>
  removeProject: Record<string, never>
  startJob: JobStatus
  job: JobStatus
  stopJob: JobStatus
  logs: { lines: LogLine[]; cursor: Record<string, number> }
}

export type AgentDescription = {
  protocol: number
  version: string
  pid: number
  fleetId: string
  /** The folder of the program it runs; older agents do not say. */
  program?: string
}

export type Address = { host: string; port: number }

/** An instance as a rollout sees it, and what people want to know about it. */
export type InstanceStatus = Omit<RolloutInstance, 'phase'> & {
  phase: InstancePhase
  artifact: Digest
  pid: number | null
  port: number | null
  rssBytes: number | null
  /** Share of one processor, over the last seconds. */
  cpuPercent: number | null
  /** How its last process ended; null while none has. */
  lastEnd: string | null
}

export type StableGeneration = Pick<
  Template,
  'generation' | 'desiredGeneration' | 'fingerprint' | 'artifact' | 'replicas' | 'startTimeoutMs' | 'drainTimeoutMs'
>

export type ServiceStatus = {
  service: string
  /** Counts the changes of this service since the agent began. */
  revision: number
  /** The host's clock; the instances' times are on it. */
  nowMs: number
  /** What the service goes back to, and what is complete here. */
  stable: StableGeneration | null
  address: Address | null
  /** How requests are divided while a rollout goes through its stages. */
  split: Split | null
  /** Where the generation of the split answers alone, until it has everything; null where the router has not said yet. */
  preview: Address | null
  instances: InstanceStatus[]
  /** Of a service that is deployed in place; while it changes, and when a change failed, nothing counts as running. */
  inPlace: { isChanging: boolean } | null
}

export type JobStatus = {
  outcome: JobOutcome
  /** Output since the offset asked for, masked. */
  lines: string[]
  offset: number
}
