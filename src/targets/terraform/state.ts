/**
 * What a state says of a service: its outputs, and Trunkline's record among them. The record is kept in a resource that
 * depends on everything in the module, so that it changes when all has been applied, and not before.
 */
import { createHmac, randomBytes } from 'node:crypto'
import * as z from 'zod'
import { canonicalJson } from '../../hashing/index.ts'
import { type Digest, erroredError, type Fingerprint, type ServiceName } from '../../model/index.ts'
import { worldFault } from './program.ts'
import { type Place, withState } from './workspace.ts'

/** Name of the output that tells the record, and of the resource that holds it. */
export const recordOutput = 'trunkline'
export const recordResource = `terraform_data.${recordOutput}`

const recordSchema = z.object({
  version: z.literal(1),
  generation: z.string(),
  artifact: z.string().transform((digest) => digest as Digest), // The brand is given where it is read.
  fingerprint: z.string().transform((fingerprint) => fingerprint as Fingerprint), // Like it.
  /** Fingerprints are made with it: it lies beside the secrets that it hides. */
  key: z.string(),
})

export type StateRecord = z.output<typeof recordSchema>

export type KnownState = { record: StateRecord | null; outputs: Record<string, string> }

const outputsSchema = z.record(z.string(), z.object({ value: z.unknown() }))
const readTimeoutMs = 5 * 60_000

export const readState = async (place: Place, service: ServiceName, signal: AbortSignal): Promise<KnownState> =>
  await withState(place, service, signal, async (folder) => {
    const end = await place.program.run(['output', '-json', '-no-color'], { folder, signal, timeoutMs: readTimeoutMs })
    if (end.kind !== 'exited' || end.exitCode !== 0) throw worldFault(place.program, 'read the state', end)
    return stateIn(end.stdout.toString('utf8'), service)
  })

export function stateIn(text: string, service: ServiceName): KnownState {
  const parsed = outputsSchema.safeParse(jsonIn(text))
  if (!parsed.success) throw erroredError('TERRAFORM_STATE', `the outputs of ${service} cannot be read`)
  const { [recordOutput]: own, ...others } = parsed.data
  const outputs = Object.entries(others).map(([name, { value }]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const record = recordSchema.safeParse(typeof own?.value === 'string' ? jsonIn(own.value) : null)
  return { record: record.success ? record.data : null, outputs: Object.fromEntries(outputs) }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export const newKey = (): string => randomBytes(32).toString('base64')

/** Of a service without variables. */
const noVariables = 'none' as Fingerprint // The brand is given where the key lies.

/** null as long as there is no key: it comes to be with the first apply. */
export function fingerprintOf(
  key: string | null,
  service: ServiceName,
  values: Readonly<Record<string, string>>,
): Fingerprint | null {
  if (Object.keys(values).length === 0) return noVariables
  if (key === null) return null
  const hmac = createHmac('sha256', Buffer.from(key, 'base64'))
  return hmac.update(canonicalJson({ service, values })).digest('hex') as Fingerprint // Like it.
}
