/**
 * The files that say how a release's services are deployed, kept beside it under `refs/trunkline/builds` by their git
 * object id: what was released can be deployed again when its commit is long gone. Git stores equal content once.
 */
import { createHash } from 'node:crypto'
import type { ObjectId } from '../model/index.ts'
import { erroredError, short } from '../model/index.ts'
import type { Ledger, Snapshot } from './ledger.ts'

const textPath = (oid: ObjectId): string => `files/${oid.slice(0, 2)}/${oid}`
const binaryPath = (oid: ObjectId): string => `${textPath(oid)}.base64`

/** Where a file goes, and as what; state files are text. */
export function deployFileEntry(oid: ObjectId, bytes: Uint8Array): [path: string, text: string] {
  const content = Buffer.from(bytes)
  const text = content.toString('utf8')
  const isText = Buffer.from(text, 'utf8').equals(content)
  return isText ? [textPath(oid), text] : [binaryPath(oid), content.toString('base64')]
}

/** Those on record; each is checked against its id. */
export async function readDeployFiles(
  ledger: Ledger,
  snapshot: Snapshot,
  oids: readonly ObjectId[],
): Promise<Map<ObjectId, Uint8Array>> {
  const found = new Map<ObjectId, Uint8Array>()
  const { base: tip } = await ledger.records(snapshot)
  if (tip === null || oids.length === 0) return found
  const files = await ledger.store.readFiles(
    tip,
    oids.flatMap((oid) => [textPath(oid), binaryPath(oid)]),
  )
  for (const oid of oids) {
    const text = files.get(textPath(oid))
    const binary = files.get(binaryPath(oid))
    if (text === undefined && binary === undefined) continue
    const bytes = text === undefined ? Buffer.from(binary ?? '', 'base64') : Buffer.from(text, 'utf8')
    if (blobId(bytes, oid.length) !== oid) {
      throw erroredError(
        'RECORD_CORRUPT',
        `the deploy file ${short(oid)} on record has other content than its id says`,
        {
          hint: 'trunkline verify-ledger tells who wrote it',
        },
      )
    }
    found.set(oid, bytes)
  }
  return found
}

/** As git names a file's content. */
const blobId = (bytes: Uint8Array, digits: number): string =>
  createHash(digits === 64 ? 'sha256' : 'sha1')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex')
