/** A published version that is what is wanted: the one that is there, or a new one. Gets no request by that. */
import type { DesiredService, LambdaRun, Reason, ServiceName } from '../../../model/index.ts'
import type { TargetContext } from '../../../ports/index.ts'
import type { Place } from '../place.ts'
import type { Zips } from '../zips.ts'
import { wantedFunction } from './configuration.ts'
import { bringLatest } from './function.ts'
import { findVersion, publishVersion, readVersions, type Versions } from './versions.ts'

export type VersionRequest = {
  service: ServiceName
  name: string
  run: LambdaRun
  desired: Pick<DesiredService, 'artifact' | 'generation' | 'fingerprint'>
  variables: Record<string, string>
  /** `$LATEST` is put right, too, though a version is there. */
  isRepair: boolean
}

export type EnsuredVersion =
  | { ok: true; version: string /** Oldest first, this one among them. */; published: string[] }
  | { ok: false; reasons: Reason[] }

type Bringing = Pick<TargetContext, 'artifacts' | 'signal' | 'deployment' | 'log'>

export async function ensureVersion(
  place: Place,
  zips: Zips,
  request: VersionRequest,
  context: Bringing,
): Promise<EnsuredVersion> {
  const { service, name, run, desired, variables, isRepair } = request
  const [zip, versions] = await Promise.all([
    zips.store({ service, artifact: desired.artifact }, context),
    readVersions(place, name, context.signal),
  ])
  const settings = place.settingsOf(service)
  const wanted = wantedFunction({ service, name, run, settings, codeSha256: zip.sha256, variables })
  const known = isRepair ? null : findVersion(versions, wanted)
  if (known?.Version !== undefined) return ensured(known.Version, versions)
  const brought = await bringLatest(place, versions.latest, wanted, zip, context)
  if (!brought.ok) return brought
  const published = await publishVersion(place, brought.configuration, desired, context)
  if (!published.ok) return published
  const { Version = '' } = published.configuration
  context.log(`${name}: version ${Version}`)
  return ensured(Version, versions)
}

function ensured(version: string, { published }: Versions): EnsuredVersion {
  const numbers = published.flatMap(({ Version = '' }) => (Version === version ? [] : [Version]))
  return { ok: true, version, published: [...numbers, version] }
}
