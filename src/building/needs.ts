import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, refusedError, type ServiceName } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'
import { hostilePath } from './checkout-paths.ts'
import { worldFault } from './world-fault.ts'

export type NeedsOptions = {
  artifacts: ArtifactStore
  /** The build's directory. */
  directory: string
  signal: AbortSignal
}

/** Unpacks the artifacts a build starts from at `.trunkline/needs/<service>`. */
export async function layDownNeeds(needs: Readonly<Record<ServiceName, Digest>>, options: NeedsOptions): Promise<void> {
  const { artifacts, directory, signal } = options
  const entries = Object.entries(needs)
  if (entries.length === 0) return
  const { unpackArtifact } = await import('../artifacts/unpack.ts')
  for (const [service, digest] of entries) {
    const why = service.includes('/') ? 'has a slash' : hostilePath(service)
    if (why !== null) throw refusedError('HOSTILE_PATH', `a service's name ${why}: ${JSON.stringify(service)}`)
    const place = join(directory, '.trunkline', 'needs', service)
    await mkdir(place, { recursive: true }).catch((cause) => {
      throw worldFault(cause, `make ${place}`)
    })
    await unpackArtifact(artifacts, digest, place, signal)
  }
}
