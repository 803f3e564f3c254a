/** Small files that are whole or absent after a crash at any moment. Synchronous: a record and its effect stay in order. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ZodType } from 'zod'

/** Writes beside, syncs, renames, syncs the folder. The file is readable by its owner only. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const beside = `${path}.new`
  const bytes = Buffer.from(content)
  const file = openSync(beside, 'w', 0o600)
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
  syncFolder(dirname(path))
}

export const writeJsonDurably = (path: string, value: unknown): void =>
  writeDurably(path, `${JSON.stringify(value, null, 2)}\n`)

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** The file parsed by its schema; null where there is none, or one that no version of Trunkline wrote. */
export function readJson<T>(path: string, schema: ZodType<T>): T | null {
  const text = readText(path)
  if (text === null) return null
  try {
    const parsed = schema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** null where there is no such file. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
