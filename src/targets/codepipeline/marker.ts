/**
 * What an execution says about itself, in the variable TRUNKLINE of its pipeline: whose it is, what it brings, and by
 * which revisions it can be brought again. Nothing else is remembered.
 */
import { z } from 'zod'
import { type Digest, type Fingerprint, isDigest, type ServiceName } from '../../model/index.ts'

export const markerVariable = 'TRUNKLINE'

/** Longer values no variable of a pipeline takes. */
export const maxValueLength = 1000

export type Revision = {
  action: string
  type: 'COMMIT_ID' | 'IMAGE_DIGEST' | 'S3_OBJECT_KEY' | 'S3_OBJECT_VERSION_ID'
  value: string
}

export type Marker = {
  /** Trunkline's own deployment; `-` where there is none. */
  deployment: string
  service: ServiceName
  generation: string
  artifact: Digest
  fingerprint: Fingerprint | null
  commit: string
  revisions: Revision[]
  /** The execution that failed; null: it is no way back. */
  wayBackFrom: string | null
}

const revisionTypes = ['COMMIT_ID', 'IMAGE_DIGEST', 'S3_OBJECT_KEY', 'S3_OBJECT_VERSION_ID'] as const

/** Short names: a value has a thousand characters. */
const shape = z.object({
  v: z.literal(1),
  by: z.string(),
  service: z.string(),
  generation: z.string(),
  artifact: z.custom<Digest>((text) => typeof text === 'string' && isDigest(text)),
  // The brand is given where the key lies.
  fingerprint: z.custom<Fingerprint>((text) => typeof text === 'string').optional(),
  commit: z.string(),
  from: z.array(z.tuple([z.string(), z.enum(revisionTypes), z.string()])),
  back: z.string().optional(),
})

export const describe = (marker: Marker): string =>
  JSON.stringify({
    v: 1,
    by: marker.deployment,
    service: marker.service,
    generation: marker.generation,
    artifact: marker.artifact,
    ...(marker.fingerprint === null ? {} : { fingerprint: marker.fingerprint }),
    commit: marker.commit,
    from: marker.revisions.map(({ action, type, value }) => [action, type, value]),
    ...(marker.wayBackFrom === null ? {} : { back: marker.wayBackFrom }),
  } satisfies z.input<typeof shape>)

/** null: it is none of ours. */
export function markerIn(text: string | undefined): Marker | null {
  const parsed = shape.safeParse(jsonIn(text))
  if (!parsed.success) return null
  const { by, from, back, fingerprint, v: _, ...rest } = parsed.data
  return {
    ...rest,
    deployment: by,
    fingerprint: fingerprint ?? null,
    revisions: from.map(([action, type, value]) => ({ action, type, value })),
    wayBackFrom: back ?? null,
  }
}

function jsonIn(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return null
  }
}

/** Whether two bring the same, whoever began them. */
export const isSame = (left: Marker | null, right: Marker): boolean =>
  left?.service === right.service &&
  left.generation === right.generation &&
  left.artifact === right.artifact &&
  left.fingerprint === right.fingerprint
