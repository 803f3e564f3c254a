/**
 * Projects that this program has read before, by the digest of their text. Parsing and checking a `trunkline.yaml` loads
 * a YAML parser and a schema library, which costs more than most commands do; what came of it is plain data.
 *
 * A cache and nothing more: whatever is missing, damaged or of another program is read anew, and what cannot be written
 * is not kept. Only projects without a mistake are kept.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { sha256 } from '../hashing/index.ts'
import type { Project } from '../model/index.ts'
import { programFingerprint } from '../program/fingerprint.ts'

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

/** First line: the digest of the rest, so that half a file or a changed one is noticed. */
async function read(file: string): Promise<Project | null> {
  try {
    const content = await readFile(file)
    const body = content.subarray(content.indexOf(0x0a) + 1)
    if (content.subarray(0, 64).toString('latin1') !== sha256(body)) return null
    return JSON.parse(body.toString('utf8')) as Project // written below, from a project; the digest says it is whole
  } catch {
    return null
  }
}

async function write(directory: string, file: string, project: Project): Promise<void> {
  const body = JSON.stringify(project)
  // What JSON cannot say must not get lost by being cached.
  if (!isDeepStrictEqual(JSON.parse(body), project)) return
  await mkdir(directory, { recursive: true })
  // The file appears whole or not at all, also beside others who write the same.
  const temporary = `${file}.${randomUUID()}`
  await writeFile(temporary, `${sha256(body)}\n${body}`, { mode: 0o600 })
  await rename(temporary, file)
  await removeOldest(directory)
}

async function removeOldest(directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.length <= maxKept) return
  const ages = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => null))?.mtimeMs ?? 0 })),
  )
  ages.sort((left, right) => right.at - left.at)
  await Promise.all(ages.slice(maxKept / 2).map(({ name }) => rm(join(directory, name), { force: true })))
}
