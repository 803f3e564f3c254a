/** Files of a cache: each whole or not there, also beside others who write the same, and never more than so many. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../hashing/index.ts'

/** The digest of the rest, filled up so that numbers behind it lie at a multiple of their size. */
const headLength = 72

/** What `writeChecked` wrote; null where it is missing, cut short or changed. */
export async function readChecked(file: string): Promise<Buffer | null> {
  try {
    const content = await readFile(file)
    const body = content.subarray(headLength)
    if (content.subarray(0, headLength).toString('latin1') !== headOf(sha256(body))) return null
    return body
  } catch {
    return null
  }
}

/** Writes it beside the file and moves it there. Of the folder's files the newest `maxKept` stay, about. */
export async function writeChecked(
  directory: string,
  file: string,
  pieces: readonly Uint8Array[],
  maxKept: number,
): Promise<void> {
  await mkdir(directory, { recursive: true })
  const digest = createHash('sha256')
  for (const piece of pieces) digest.update(piece)
  const temporary = `${file}.${randomUUID()}`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      for (const piece of [Buffer.from(headOf(digest.digest('hex'))), ...pieces]) await handle.writeFile(piece)
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await removeOldest(directory, maxKept)
}

const headOf = (digest: string): string => `${digest.padEnd(headLength - 1)}\n`

async function removeOldest(directory: string, maxKept: number): Promise<void> {
  const names = await readdir(directory)
  if (names.length <= maxKept) return
  const ages = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => null))?.mtimeMs ?? 0 })),
  )
  ages.sort((left, right) => right.at - left.at)
  await Promise.all(ages.slice(Math.ceil(maxKept / 2)).map(({ name }) => rm(join(directory, name), { force: true })))
}
