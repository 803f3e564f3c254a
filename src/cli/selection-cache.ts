/**
 * Selections that commands left for the next one, under `TRUNKLINE_HOME/selections`: one file for each project text and
 * build of this program, so that no other program's idea of an input is ever taken over.
 */
import { join } from 'node:path'
import { sha256 } from '../hashing/index.ts'
import type { SelectionCache } from '../ports/index.ts'
import { programFingerprint } from '../program/fingerprint.ts'
import { readChecked, writeChecked } from './checked-file.ts'

/** Some projects, some branches each. A file has the whole tree: a hundred bytes for each path of the repository. */
const maxKept = 16

export function selectionCache(directory: string, fingerprint = programFingerprint()): SelectionCache {
  const fileOf = (key: string) => join(directory, sha256(`${fingerprint}\0${key}`))
  return {
    read: (key) => readChecked(fileOf(key)),
    write: async (key, pieces) => {
      await writeChecked(directory, fileOf(key), pieces, maxKept).catch(() => {})
    },
  }
}
