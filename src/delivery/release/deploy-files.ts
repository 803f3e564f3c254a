/** Contents of the files that say how services are deployed: read from records, or from git while nothing is recorded yet. */
import { readDeployFiles, type Snapshot } from '../../ledger/index.ts'
import type { DesiredService, ObjectId, Release } from '../../model/index.ts'
import { erroredError, usageError } from '../../model/index.ts'
import { deployInputsOf } from '../../planning/index.ts'
import type { DeployFiles } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'

const maxFileBytes = 1024 * 1024
const maxFiles = 20_000

/** All files of a release that a cluster's description is made of, to be kept with its record. */
export async function filesToKeep(engine: Engine, release: Release): Promise<Map<ObjectId, Uint8Array>> {
  const paths = new Map<ObjectId, string>()
  for (const service of Object.keys(release.services)) {
    for (const environment of [null, ...Object.keys(release.environments)]) {
      const deploy = deployInputsOf(release, service, environment)
      for (const [path, oid] of Object.entries(deploy?.files ?? {})) paths.set(oid, path)
    }
  }
  if (paths.size > maxFiles) {
    throw usageError(
      'TOO_MANY_DEPLOY_FILES',
      `${paths.size} files say how services are deployed: at most ${maxFiles} may`,
    )
  }
  const contents =
    paths.size === 0 ? new Map<ObjectId, Uint8Array>() : await engine.world.source.readBlobs([...paths.keys()])
  for (const [oid, bytes] of contents) {
    if (bytes.length <= maxFileBytes) continue
    throw usageError('DEPLOY_FILE_TOO_LARGE', `${paths.get(oid)} is larger than 1 MiB`, {
      hint: 'take it out of what a service is deployed by (deployInputs, or the folder of the chart)',
    })
  }
  return contents
}

/** Contents by path, read once however often they are asked for. */
export function deployFilesOf(engine: Engine, snapshot: Snapshot, desired: DesiredService): () => Promise<DeployFiles> {
  let read: Promise<DeployFiles> | null = null
  return () => {
    read ??= readAll(engine, snapshot, desired.deploy?.files ?? {})
    return read
  }
}

async function readAll(engine: Engine, snapshot: Snapshot, files: Record<string, ObjectId>): Promise<DeployFiles> {
  const oids = [...new Set(Object.values(files))]
  const known = await readDeployFiles(engine.ledger, snapshot, oids)
  const missing = oids.filter((oid) => !known.has(oid))
  if (missing.length > 0) {
    for (const [oid, bytes] of await engine.world.source.readBlobs(missing)) known.set(oid, bytes)
  }
  return new Map(
    Object.entries(files).map(([path, oid]) => {
      const bytes = known.get(oid)
      if (bytes === undefined)
        throw erroredError('DEPLOY_FILE_MISSING', `${path} of this release cannot be read any more`)
      return [path, bytes]
    }),
  )
}
