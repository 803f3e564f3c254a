/**
 * One site brought to its desired generation: its files, those that ask for others last, and what CloudFront keeps of
 * them. What is to be done is written down first, so that whoever comes after a controller that died goes on from there.
 */
import { passed, reason, type SiteRun, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { type Changes, changesFor } from './changes.ts'
import { addressesOf, type Front, invalidate, readFront } from './distribution.ts'
import { type WantedFile, type WantedFiles, withFiles } from './files.ts'
import { deleteFile, type Live, putFile, readLive } from './objects.ts'
import { forEachAtOnce, type Parts, type Site, siteOf, siteRunOf } from './parts.ts'
import {
  assertNotStale,
  type KnownRecord,
  type Pending,
  readRecord,
  type SiteFile,
  type SiteRecord,
  writeRecord,
} from './record.ts'

const uploadsAtOnce = 8

export async function ensureSite(parts: Parts, request: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { service, desired } = request
  const { signal } = context
  const run = siteRunOf(service, desired.run)
  const objections = objectionsTo(request)
  if (objections.length > 0) return { ok: false, refused: true, reasons: objections }
  const site = siteOf(parts, service)
  const [front, known, live] = await Promise.all([
    readFront(parts, site, signal),
    readRecord(parts, site, signal),
    readLive(parts, site, signal),
  ])
  assertNotStale(known.record, context.epoch)
  if (isAsItShouldBe(known.record, live, request)) return through(context)
  const artifacts = context.artifacts.forService(service)
  return await withFiles(artifacts, { artifact: desired.artifact, run }, signal, async (wanted) => {
    const missing = missingIn(wanted, run)
    if (missing.length > 0) return { ok: false, refused: true, reasons: missing }
    await bring({ parts, site, front, run, context }, { known, live, wanted, request })
    return through(context)
  })
}

export const objectionsTo = ({ service, desired }: RolloutRequest) => {
  const variables = Object.keys(desired.env)
  if (variables.length === 0) return []
  const hint = 'leave `env` out: what a site needs to know is built into it, or in a file that it asks for'
  return [
    reason('no-variables', `${service} is files, which are given no variables (${variables.join(', ')})`, { hint }),
  ]
}

function through(context: TargetContext): Verdict {
  context.report({ ready: 1, desired: 1, old: 0 })
  return passed
}

export function isAsItShouldBe(record: SiteRecord, live: Live, { desired }: RolloutRequest): boolean {
  const { settled, pending, files } = record
  if (pending !== null || settled === null) return false
  if (settled.generation !== desired.generation || settled.artifact !== desired.artifact) return false
  return Object.entries(files).every(([path, { etag }]) => live.get(path) === etag)
}

const missingIn = (wanted: WantedFiles, { index, notFound }: SiteRun) =>
  [index, ...(notFound === null ? [] : [notFound])]
    .filter((path) => !wanted.has(path))
    .map((path) =>
      reason('document-missing', `the artifact has no ${path}`, {
        hint: 'see that the build makes it, and where the bundle begins (`artifact: { bundle: { from: dist } }`)',
      }),
    )

type Bringing = { parts: Parts; site: Site; front: Front; run: SiteRun; context: TargetContext }
type Given = { known: KnownRecord; live: Live; wanted: WantedFiles; request: RolloutRequest }

async function bring(bringing: Bringing, { known, live, wanted, request }: Given): Promise<void> {
  const { parts, site, run, context } = bringing
  const { generation, artifact } = request.desired
  const { record } = known
  const changes = changesFor({ record, live, wanted, run, next: { generation, artifact } })
  const begun = changes.pending === null ? known : await begin(bringing, known, changes.pending)
  const brought = await upload(bringing, changes.uploads, live)
  await takeAway(bringing, changes.goneDocuments, live)
  if (changes.pending !== null) await refresh(bringing, changes.pending)
  await takeAway(bringing, changes.leftovers, live)
  const files = [...wanted.keys()].map((path): [string, SiteFile | undefined] => [
    path,
    brought.get(path) ?? record.files[path],
  ])
  const settled: Partial<SiteRecord> = {
    ...{ settled: { generation, artifact, index: run.index }, pending: null, kept: changes.kept },
    files: Object.fromEntries(files.flatMap(([path, file]) => (file === undefined ? [] : [[path, file]]))),
  }
  await writeRecord(parts, site, begun, settled, context)
}

async function begin({ parts, site, context }: Bringing, known: KnownRecord, pending: Pending): Promise<KnownRecord> {
  const { record } = known
  if (JSON.stringify(record.pending) === JSON.stringify(pending) && record.epoch === context.epoch) return known
  return await writeRecord(parts, site, known, { pending, rollouts: pending.number }, context)
}

async function upload(
  { parts, site, context }: Bringing,
  groups: Changes['uploads'],
  live: Live,
): Promise<ReadonlyMap<string, SiteFile>> {
  const brought = new Map<string, SiteFile>()
  const total = groups.flat().length
  for (const group of groups) {
    await forEachAtOnce(group, uploadsAtOnce, async (file) => {
      if (live.has(file.path)) warnOfImmutable(file, context)
      brought.set(file.path, await putFile(parts, site, file, live.get(file.path), context))
    })
  }
  if (total > 0) context.log(`stored ${total} ${total === 1 ? 'file' : 'files'} in s3://${site.bucket}/${site.prefix}`)
  return brought
}

/** Who has it will not ask for it again. */
function warnOfImmutable({ path, cache }: WantedFile, { log }: TargetContext): void {
  if (cache.includes('immutable')) log(`${path} is written again, and browsers were told that it never changes`)
}

const takeAway = ({ parts, site, context }: Bringing, paths: readonly string[], live: Live): Promise<void> =>
  forEachAtOnce(paths, uploadsAtOnce, (path) => deleteFile(parts, site, path, live.get(path), context.signal))

async function refresh({ parts, site, front, run, context }: Bringing, pending: Pending): Promise<void> {
  const addresses = addressesOf(front, pending.invalidate, run.index)
  if (addresses.length === 0) return
  const reference = [
    ...['trunkline', parts.project, parts.environment, site.service],
    ...[pending.generation, pending.number],
  ].join('-')
  await invalidate(parts, front, { addresses, reference }, context)
}
