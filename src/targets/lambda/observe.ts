/** What runs: what is remembered, held against what AWS has. One call tells of fifty functions. */
import { type FunctionConfiguration, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda'
import { type Digest, type Fingerprint, isDigest, type ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { leadsTo, readAlias } from './functions/alias.ts'
import { readFunction } from './functions/function.ts'
import type { Place } from './place.ts'
import { type FunctionRecord, recordOf, type Settled } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'

/** Up to here they are asked for by name: an account may have thousands. */
const fewFunctions = 3

export async function observeFunctions(
  place: Place,
  book: RecordBook,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const record = await book.read(signal)
  const known = services.flatMap((service): Array<[ServiceName, FunctionRecord]> => {
    const remembered = recordOf(record, service)
    if (remembered === null) return []
    return remembered.isStack || remembered.name === place.functionOf(service) ? [[service, remembered]] : []
  })
  const live = await readFunctions(
    place,
    known.flatMap(([, { name, isStack }]) => (isStack ? [] : [name])),
    signal,
  )
  const observed = await Promise.all(
    known.map(
      async ([service, remembered]): Promise<[ServiceName, ObservedService]> => [
        service,
        remembered.isStack
          ? await observeStack(place, remembered, signal)
          : await observeOne(place, remembered, live.get(remembered.name) ?? null, signal),
      ],
    ),
  )
  return {
    ...Object.fromEntries(services.map((service) => [service, nothingObserved])),
    ...Object.fromEntries(observed),
  }
}

async function readFunctions(
  place: Place,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FunctionConfiguration>> {
  const { aws } = place
  const found = new Map<string, FunctionConfiguration>()
  if (names.length <= fewFunctions) {
    const read = await Promise.all(names.map((name) => readFunction(place, name, signal)))
    for (const known of read) if (known?.FunctionName !== undefined) found.set(known.FunctionName, known)
    return found
  }
  const missing = new Set(names)
  const client = aws.client(LambdaClient)
  for await (const { Functions = [] } of aws.pages(paginateListFunctions, client, { MaxItems: 50 }, { signal })) {
    for (const known of Functions) {
      if (known.FunctionName !== undefined && missing.delete(known.FunctionName)) found.set(known.FunctionName, known)
    }
    if (missing.size === 0) break
  }
  return found
}

async function observeOne(
  place: Place,
  { name, url, settled, pending }: FunctionRecord,
  live: FunctionConfiguration | null,
  signal: AbortSignal,
): Promise<ObservedService> {
  if (settled === null && pending === null) return nothingObserved
  if (live === null) {
    const detail = `the function ${name} is gone`
    return { ...nothingObserved, instances: { ready: 0, desired: 1 }, detail }
  }
  const isFailed = live.State === 'Failed'
  const instances = { ready: isFailed ? 0 : 1, desired: 1 }
  const detail = isFailed ? { detail: `${name} is in the state Failed: ${live.StateReason ?? ''}` } : {}
  if (pending === null) return { ...running(settled), instances, url, ...detail }
  // A rollout is on its way, or its controller died: the alias tells how far it came.
  const alias = await readAlias(place, name, place.alias, signal)
  if (settled !== null && leadsTo(alias, settled.version)) return { ...running(settled), instances, url, ...detail }
  const weight =
    alias?.version === pending.version ? 100 : alias?.share?.version === pending.version ? alias.share.weight : 0
  const mixed = { ...running(settled), generation: null }
  return { ...mixed, instances, url, ...detail, ...(settled === null ? {} : { newSet: { weight } }) }
}

async function observeStack(
  place: Place,
  { name, url, settled, pending }: FunctionRecord,
  signal: AbortSignal,
): Promise<ObservedService> {
  if (settled === null && pending === null) return nothingObserved
  const { isWell, readStack } = await import('./serverless/stack.ts')
  const stack = await readStack(place, name, signal)
  const ready = isWell(stack) ? 1 : 0
  // On its way, or its controller died: nobody knows what of it was done.
  const generation = pending === null && stack !== null ? running(settled).generation : null
  const detail = ready === 1 ? {} : { detail: `the stack ${name} is ${stack?.StackStatus ?? 'gone'}` }
  return { ...running(settled), generation, instances: { ready, desired: 1 }, url, ...detail }
}

const running = (settled: Settled | null) => ({
  generation: settled?.generation ?? null,
  artifact: digestIn(settled?.artifact),
  fingerprint: (settled?.fingerprint ?? null) as Fingerprint | null, // We have written it ourselves.
})

const digestIn = (text: string | undefined): Digest | null => (text !== undefined && isDigest(text) ? text : null)
