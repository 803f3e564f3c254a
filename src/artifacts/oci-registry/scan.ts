import type { Digest, ScanReport } from '../../model/index.ts'
import type { ImageIndex, Manifest } from '../../ports/index.ts'
import { isIndex } from '../manifest.ts'

export type ScanLookup = {
  read(digest: Digest): Promise<Manifest | ImageIndex>
  /** Of a single image; null where the registry scans nothing. */
  scanOf: ((digest: Digest) => Promise<ScanReport>) | null
}

/** Of an image, or of all images of an index together: the worst that is said of one is said of it. */
export async function reportOf(digest: Digest, { read, scanOf }: ScanLookup): Promise<ScanReport> {
  const document = await read(digest)
  // Bundles and zips say what they are; an image does not.
  if (!isIndex(document) && document.artifactType !== undefined) return { kind: 'exempt' }
  if (scanOf === null) return { kind: 'unavailable', why: 'this registry scans nothing that Trunkline knows of' }
  if (!isIndex(document)) return await scanOf(digest)
  const reports = await Promise.all(document.manifests.map((each) => scanOf(each.digest)))
  const worst = reports.find(({ kind }) => kind === 'unavailable') ?? reports.find(({ kind }) => kind === 'pending')
  const findings = reports.flatMap((report) => (report.kind === 'complete' ? report.findings : []))
  return worst ?? { kind: 'complete', findings }
}
