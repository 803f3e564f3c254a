/**
 * What Trunkline knows of one service's stacks, beside them: a parameter of Systems Manager. It names the stacks, so that
 * they are found without the release that made them, and says what is settled there.
 */

import type { Stack } from '@aws-sdk/client-cloudformation'
import { DeleteParameterCommand, GetParametersCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import * as z from 'zod'
import {
  type Digest,
  erroredError,
  type Fingerprint,
  isDigest,
  refusedError,
  type ServiceName,
} from '../../model/index.ts'
import type { Parts } from './parts.ts'
import { markOf, stateOf } from './stack-state.ts'

export type Inventory = {
  version: 1
  /** In the order in which they are made. */
  stacks: string[]
  /** Types that hold data by the project's word. */
  stateful: string[]
  settled: Settled | null
  /** Lease of who wrote this. */
  epoch: number
}

export type Settled = {
  generation: string
  artifact: Digest
  fingerprint: Fingerprint | null
  /** State of each stack by its name: one that was changed past Trunkline has another. */
  marks: Record<string, string>
}

const inventorySchema: z.ZodType<Inventory> = z.object({
  version: z.literal(1),
  stacks: z.array(z.string()),
  stateful: z.array(z.string()),
  settled: z
    .object({
      generation: z.string(),
      artifact: z.string().refine(isDigest) as unknown as z.ZodType<Digest>, // Refined to be one.
      fingerprint: z.string().nullable() as unknown as z.ZodType<Fingerprint | null>, // Written by this target.
      marks: z.record(z.string(), z.string()),
    })
    .nullable(),
  epoch: z.int(),
})

/** So many names may be asked for at once. */
const namesAtOnce = 10

export async function readInventories(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Map<ServiceName, Inventory>> {
  const byName = new Map(services.map((service) => [nameOf(parts, service), service]))
  const names = [...byName.keys()]
  const found = new Map<ServiceName, Inventory>()
  for (let at = 0; at < names.length; at += namesAtOnce) {
    const Names = names.slice(at, at + namesAtOnce)
    const answer = await parts.aws.send(parts.aws.client(SSMClient), new GetParametersCommand({ Names }), { signal })
    for (const { Name = '', Value = '' } of answer.Parameters ?? []) {
      const service = byName.get(Name)
      if (service !== undefined) found.set(service, parse(Name, Value))
    }
  }
  return found
}

export async function readInventory(parts: Parts, service: ServiceName, signal: AbortSignal) {
  return (await readInventories(parts, [service], signal)).get(service) ?? null
}

/** Refused (`STALE_CONTROLLER`) where a newer controller has been here. */
export async function writeInventory(
  parts: Parts,
  service: ServiceName,
  inventory: Inventory,
  signal: AbortSignal,
): Promise<void> {
  const { aws } = parts
  const now = await readInventory(parts, service, signal)
  if (now !== null && now.epoch > inventory.epoch) throw stale(service, now.epoch, inventory.epoch)
  const Value = JSON.stringify(inventory)
  const put = new PutParameterCommand({
    ...{ Name: nameOf(parts, service), Value, Type: 'String', Overwrite: true },
    Description: `Trunkline: stacks of ${service}`,
  })
  await aws.send(aws.client(SSMClient), put, { signal, writes: true })
}

export async function forgetInventory(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<void> {
  const { aws } = parts
  try {
    const remove = new DeleteParameterCommand({ Name: nameOf(parts, service) })
    await aws.send(aws.client(SSMClient), remove, { signal, writes: true })
  } catch (error) {
    if (!aws.isError(error, 'ParameterNotFound')) throw error
  }
}

export const stale = (service: ServiceName, theirs: number, ours: number) =>
  refusedError('STALE_CONTROLLER', `a newer controller has taken ${service} over (lease ${theirs}, ours is ${ours})`)

const nameOf = ({ project, environment }: Parts, service: ServiceName): string =>
  `/trunkline/${project}/${environment}/stacks/${service}`

function parse(name: string, text: string): Inventory {
  try {
    return inventorySchema.parse(JSON.parse(text))
  } catch (error) {
    throw erroredError('INVENTORY_CORRUPT', `the parameter ${name} of Systems Manager cannot be read`, {
      hint: 'it was changed by hand: delete it, and the next delivery writes it anew',
      cause: error,
    })
  }
}

/** Whether a stack is as it was left here, and nobody has changed it since. */
export const isAsSettled = (inventory: Inventory | null, name: string, stack: Stack | null): boolean =>
  stack !== null && stateOf(stack) === 'ready' && inventory?.settled?.marks[name] === markOf(stack)
