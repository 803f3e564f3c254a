/** Folders that a target works in for a while. What a controller that was killed left is swept up by a later one. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longer than anything that is done in one. */
const abandonedAfterMs = 24 * 60 * 60_000

/** The folder is there until `use` has ended. `prefix`: of its name, `trunkline-terraform-`. */
export async function withScratchFolder<Result>(
  prefix: `trunkline-${string}-`,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  try {
    await sweepAround(folder, prefix)
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function sweepAround(own: string, prefix: string): Promise<void> {
  const { mtimeMs: now, uid } = await stat(own)
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const path = join(tmpdir(), name)
    const found = await stat(path).catch(() => null)
    if (found === null || found.uid !== uid || now - found.mtimeMs < abandonedAfterMs) continue
    await rm(path, { recursive: true, force: true })
  }
}
