/** Tips that `verify-ledger` has seen on this machine: a history that was rewritten since does not hold them. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../hashing/index.ts'
import type { Home } from '../home/index.ts'
import { type CommitId, isObjectId, type RefName } from '../model/index.ts'

/** Old tips a ref: an attacker who verifies here a thousand times must not push the good one out; the first stays. */
const maxRemembered = 50

export type VerifiedTips = Map<RefName, CommitId[]>

const fileOf = (home: Home, location: string): string =>
  join(home.root, 'state', `verified-${sha256(location).slice(0, 16)}.json`)

/** What cannot be read is forgotten: a cache. */
export async function readVerifiedTips(home: Home, location: string): Promise<VerifiedTips> {
  const tips: VerifiedTips = new Map()
  try {
    const read: unknown = JSON.parse(await readFile(fileOf(home, location), 'utf8'))
    if (typeof read !== 'object' || read === null) return tips
    for (const [ref, known] of Object.entries(read)) {
      const ids = (Array.isArray(known) ? known : []).filter((id) => typeof id === 'string' && isObjectId(id))
      tips.set(ref, ids as CommitId[]) // written below, from tips
    }
  } catch {
    return tips
  }
  return tips
}

export async function rememberTips(
  home: Home,
  location: string,
  known: VerifiedTips,
  tips: ReadonlyMap<RefName, CommitId>,
): Promise<void> {
  for (const [ref, tip] of tips) {
    const before = (known.get(ref) ?? []).filter((id) => id !== tip)
    known.set(ref, [...before.slice(0, 1), ...before.slice(1).slice(-(maxRemembered - 2)), tip])
  }
  const file = fileOf(home, location)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.${process.pid}`, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 })
  await rename(`${file}.${process.pid}`, file)
}
