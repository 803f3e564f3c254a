/** What was changed past Trunkline: the alias, or `$LATEST`, which the next version would be made of. */
import type { FunctionConfiguration } from '@aws-sdk/client-lambda'
import type { ServiceName } from '../../model/index.ts'
import type { Drift } from '../../ports/index.ts'
import { type Alias, readAlias } from './functions/alias.ts'
import { type Difference, differencesOf, type WantedFunction } from './functions/configuration.ts'
import { readVersions } from './functions/versions.ts'
import type { Place } from './place.ts'
import { type FunctionRecord, recordOf, type Settled } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'

/** Two calls for each. */
export async function findFunctionDrift(
  place: Place,
  book: RecordBook,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  const record = await book.read(signal)
  const found = await Promise.all(
    services.map(async (service) => {
      const remembered = recordOf(record, service)
      // One that is on its way is as it should be.
      if (remembered === null || remembered.isStack) return []
      if (remembered.settled === null || remembered.pending !== null) return []
      return await driftOf(place, service, { ...remembered, settled: remembered.settled }, signal)
    }),
  )
  return found.flat()
}

async function driftOf(
  place: Place,
  service: ServiceName,
  { name, settled }: FunctionRecord & { settled: Settled },
  signal: AbortSignal,
): Promise<Drift[]> {
  const [alias, { latest, published }] = await Promise.all([
    readAlias(place, name, place.alias, signal),
    readVersions(place, name, signal),
  ])
  if (latest === null) return [{ service, subject: `function ${name}`, fields: [] }]
  const subject = `alias ${place.alias} of ${name}`
  const drift: Drift[] = []
  if (alias === null) drift.push({ service, subject, fields: [] })
  else {
    const fields = aliasDifferences(alias, settled).map((field) => ({ ...field, by: null }))
    if (fields.length > 0) drift.push({ service, subject, fields })
  }
  const ours = published.find(({ Version }) => Version === settled.version)
  if (ours === undefined) return [...drift, { service, subject: `version ${settled.version} of ${name}`, fields: [] }]
  const by = { name: 'somebody (CloudTrail knows who)', at: momentOf(latest) }
  const fields = differencesOf(latest, asWanted(ours)).map((field) => ({ ...field, by }))
  return fields.length === 0 ? drift : [...drift, { service, subject: `$LATEST of ${name}`, fields }]
}

function aliasDifferences({ version, share }: Alias, settled: Settled): Difference[] {
  const fields: Difference[] = []
  if (version !== settled.version) fields.push({ path: 'version', expected: settled.version, actual: version })
  if (share !== null) {
    fields.push({ path: 'weights', expected: {}, actual: { [share.version]: share.weight / 100 } })
  }
  return fields
}

/** A published version as what `$LATEST` should be. */
const asWanted = (version: FunctionConfiguration): WantedFunction => ({
  name: version.FunctionName ?? '',
  codeSha256: version.CodeSha256 ?? '',
  architecture: version.Architectures?.[0] ?? 'x86_64',
  handler: version.Handler ?? '',
  runtime: version.Runtime ?? 'provided.al2023',
  memoryMb: version.MemorySize ?? 128,
  timeoutS: version.Timeout ?? 3,
  storageMb: version.EphemeralStorage?.Size ?? 512,
  variables: version.Environment?.Variables ?? {},
  role: version.Role ?? null,
  layers: (version.Layers ?? []).map(({ Arn = '' }) => Arn),
  network: {
    subnets: version.VpcConfig?.SubnetIds ?? [],
    securityGroups: version.VpcConfig?.SecurityGroupIds ?? [],
  },
})

/** As Lambda writes it (`2026-11-21T20:00:00.000+0000`), which JavaScript need not read. */
function momentOf({ LastModified }: FunctionConfiguration): string | null {
  if (LastModified === undefined) return null
  const moment = new Date(LastModified.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'))
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString()
}
