/**
 * Projects that this program has read before, by the digest of their text. Parsing and checking a `trunkline.yaml` loads
 * a YAML parser and a schema library, which costs more than most commands do; what came of it is plain data.
 *
 * A cache and nothing more: whatever is missing, damaged or of another program is read anew, and what cannot be written
 * is not kept. Only projects without a mistake are kept.
 */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { sha256 } from '../hashing/index.ts'
import type { Project } from '../model/index.ts'
import { programFingerprint } from '../program/fingerprint.ts'
import { readChecked, writeChecked } from './checked-file.ts'

/** Two commits a command, some branches: more are of no use. */
const maxKept = 64

/** The project of a text: as it was read before, else as `parse` reads it. What `parse` throws is thrown. */
export async function projectOf(
  directory: string,
  bytes: Uint8Array,
  parse: () => Promise<Project> | Project,
): Promise<Project> {
  const file = join(directory, `${sha256(`${programFingerprint()}\0${sha256(bytes)}`)}.json`)
  const known = await read(file)
  if (known !== null) return known
  const project = await parse()
  await write(directory, file, project).catch(() => {})
  return project
}

async function read(file: string): Promise<Project | null> {
  const body = await readChecked(file)
  return body === null ? null : (JSON.parse(body.toString('utf8')) as Project) // written below, from a project; it is whole
}

async function write(directory: string, file: string, project: Project): Promise<void> {
  const body = JSON.stringify(project)
  // What JSON cannot say must not get lost by being cached.
  if (!isDeepStrictEqual(JSON.parse(body), project)) return
  await writeChecked(directory, file, [Buffer.from(body)], maxKept)
}
