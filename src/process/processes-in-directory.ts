import { readdir, readlink } from 'node:fs/promises'
import { resolve, sep } from 'node:path'

/**
 * Kills (SIGKILL) every process of this user whose working directory lies in the given one; answers how many.
 * For what left its process group on purpose (`setsid`) and would outlive the work it was started for.
 * Reads `/proc`; where there is none it finds nothing.
 */
export async function endProcessesIn(directory: string): Promise<number> {
  const root = resolve(directory)
  const pids = await readdir('/proc').catch(() => [])
  let ended = 0
  for (const name of pids) {
    const pid = Number(name)
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) continue
    // Of other users' processes the link cannot be read: they are none of ours.
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null)
    if (cwd === null || !`${cwd}${sep}`.startsWith(`${root}${sep}`)) continue
    if (kill(pid)) ended += 1
  }
  return ended
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
