/**
 * A work order: one check or build as a document that says everything. The same work has the same order, whoever asks
 * for it and at whichever commit, so that its digest is what a run of it is known by.
 */
import * as z from 'zod'
import { digestOfBytes } from '../artifacts/digest.ts'
import { artifactManifest, emptyConfig } from '../artifacts/manifest.ts'
import { canonicalJson } from '../hashing/index.ts'
import {
  type ArtifactRecipe,
  type Digest,
  type EsbuildRecipe,
  erroredError,
  type InputHash,
  type ObjectId,
  short,
} from '../model/index.ts'
import type { ArtifactStore, BuildRequest, CheckRequest, InputFile, PackedArtifact } from '../ports/index.ts'
import { readDocument } from './stored-document.ts'
import { digestSchema } from './ticket.ts'

const words = z.record(z.string(), z.string())
const time = z.number().int().nonnegative()
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as InputHash) // Just checked.

const fileSchema: z.ZodType<InputFile, unknown> = z.strictObject({
  path: z.string(),
  mode: z.enum(['file', 'executable', 'symlink', 'submodule']),
  oid: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .transform((text) => text as ObjectId), // Just checked.
  keys: z.array(z.string()).exactOptional(),
})
const environment = z.strictObject({ set: words, pass: z.array(z.string()) })
const files = z.array(fileSchema)

const prepareSchema = z.strictObject({
  hash,
  files,
  run: z.string(),
  inputs: z.array(z.string()),
  timeoutMs: time,
  env: environment,
})

const esbuildSchema: z.ZodType<EsbuildRecipe> = z.strictObject({
  entries: words,
  to: z.string(),
  format: z.enum(['cjs', 'esm']),
  target: z.string(),
  external: z.array(z.string()),
  sourcemap: z.enum(['linked', 'external', 'inline', 'none']),
  minify: z.boolean(),
  define: words,
  loader: words,
})

const selection = { from: z.string(), include: z.array(z.string()), exclude: z.array(z.string()) }
const recipeSchema: z.ZodType<ArtifactRecipe, unknown> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bundle'), ...selection }),
  z.strictObject({ kind: z.literal('zip'), ...selection }),
  z.strictObject({
    kind: z.literal('image'),
    ...selection,
    base: z.string().nullable(),
    to: z.string(),
    entrypoint: z.array(z.string()),
    command: z.array(z.string()),
    workdir: z.string().nullable(),
    user: z.string().nullable(),
    env: words,
    labels: words,
    platforms: z.array(z.string()).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('dockerfile'),
    dockerfile: z.string(),
    context: z.string(),
    target: z.string().nullable(),
    args: words,
    platforms: z.array(z.string()),
    secrets: z.record(z.string(), z.strictObject({ from: z.string() })),
    timeoutMs: time,
  }),
  z.strictObject({ kind: z.literal('of'), service: z.string() }),
])

const work = {
  service: z.string(),
  files,
  prepare: prepareSchema.nullable(),
  env: environment,
  tools: words,
  needs: z.record(z.string(), digestSchema),
  timeoutMs: time,
  hash,
}
const common = {
  version: z.literal(1),
  /** What it must run on. */
  platform: z.string(),
  /** Bundles of file contents, each named by its object id. */
  inputs: z.array(digestSchema),
}
const orderSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('check'),
    request: z.strictObject({ ...work, check: z.string(), run: z.string() }),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('build'),
    request: z.strictObject({
      ...work,
      run: z.string().nullable(),
      esbuild: esbuildSchema.exactOptional(),
      recipe: recipeSchema,
    }),
  }),
])

export type WorkOrder = z.output<typeof orderSchema>

export type Work = { kind: 'check'; request: CheckRequest } | { kind: 'build'; request: BuildRequest }

/** Pure. */
export function composeOrder({ kind, request }: Work, place: { platform: string; inputs: Digest[] }): WorkOrder {
  // Strict about what it names, so that no part of a request is left behind unseen.
  const { commit: _ofWhoAsks, ...asked } = request
  return orderSchema.parse({ version: 1, kind, ...place, request: asked })
}

const orderType = 'application/vnd.trunkline.work-order.v1+json'

/** As it is put into the store. */
export function packOrder(order: WorkOrder): PackedArtifact {
  const bytes = Buffer.from(canonicalJson(order))
  const layer = { mediaType: orderType, digest: digestOfBytes(bytes), size: bytes.length }
  const { digest, bytes: manifest } = artifactManifest(orderType, layer)
  const blobs = [emptyConfig, { ...layer, content: { kind: 'bytes' as const, bytes } }]
  return { digest, manifest, blobs, sizeBytes: emptyConfig.size + bytes.length }
}

/** Errored where the store has none, or one of another version. */
export async function readOrder(artifacts: ArtifactStore, digest: Digest, signal: AbortSignal): Promise<WorkOrder> {
  const parsed = orderSchema.safeParse(await readDocument(artifacts, digest, signal))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw erroredError(
    'BAD_ORDER',
    `the order ${short(digest)} cannot be read: ${issue?.path.join('.')} ${issue?.message}`,
    { hint: 'the image of the workplace may hold another version of Trunkline than the one that delivers' },
  )
}
