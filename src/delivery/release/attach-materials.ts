/** The bill of materials of an artifact, from the lockfiles among what it was built from. */
import type { Digest, ServiceName } from '../../model/index.ts'
import type { BuildRequest } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import { loadOnce } from '../load-once.ts'

const lockfileNames = loadOnce(() => import('../../artifacts/sbom/lockfile-names.ts'))

/** Those of real projects have some megabytes. Together; what is beyond is left out and said. */
const maxBytes = 64 * 1024 * 1024

/** Attaches one where there is a lockfile. One that cannot be read is said, and stops nothing. */
export async function attachMaterials(
  engine: Engine,
  service: ServiceName,
  artifact: Digest,
  { files, prepare }: Pick<BuildRequest, 'files' | 'prepare'>,
  signal: AbortSignal,
): Promise<void> {
  const { isLockfile } = await lockfileNames()
  const found = new Map(
    [...files, ...(prepare?.files ?? [])].flatMap((file) =>
      isLockfile(file.path) ? [[file.path, file] as const] : [],
    ),
  )
  if (found.size === 0) return
  const { billOfMaterials } = await import('../../artifacts/sbom/bill-of-materials.ts')
  const { world } = engine
  const contents = await world.source.readBlobs([...found.values()].map(({ oid }) => oid))
  let bytes = 0
  const lockfiles = [...found.values()].flatMap(({ path, oid }) => {
    const content = contents.get(oid)
    bytes += content?.length ?? 0
    return content === undefined || bytes > maxBytes ? [] : [{ path, text: Buffer.from(content).toString('utf8') }]
  })
  const { referrer, unread } = billOfMaterials({ artifact, name: service, lockfiles })
  if (referrer !== null) await world.artifacts.forService(service).attach(artifact, referrer, signal)
  if (unread.length === 0 && bytes <= maxBytes) return
  const which = bytes > maxBytes ? 'some lockfiles, which are too large' : unread.join(', ')
  world.progress({ kind: 'note', message: `the bill of materials of ${service} is without ${which}` })
}
