/** nginx's worker processes, as the system shows them: old ones finish their requests after a reload, and then end. */
import { readdirSync, readFileSync } from 'node:fs'
import { processStartTime } from '../../../process/index.ts'

/** The master's workers, each as `pid/start time`; null where they cannot be seen (no pid file, no /proc). */
export function workersOf(pidFile: string): Set<string> | null {
  const master = Number.parseInt(readIfThere(pidFile) ?? '', 10)
  if (!Number.isSafeInteger(master) || process.platform !== 'linux') return null
  if (processStartTime(master) === null) return null
  const workers = new Set<string>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || parentOf(name) !== master) continue
    if (readIfThere(`/proc/${name}/cmdline`)?.startsWith('nginx: worker')) {
      workers.add(`${name}/${processStartTime(Number(name)) ?? ''}`)
    }
  }
  return workers
}

export const isWorkerAlive = (worker: string): boolean => {
  const [pid, startedAt] = worker.split('/')
  return processStartTime(Number(pid)) === startedAt
}

/** It accepts no more: it has ended, or says that it is about to. */
export function isWorkerEnding(worker: string): boolean {
  if (!isWorkerAlive(worker)) return true
  return readIfThere(`/proc/${worker.split('/')[0]}/cmdline`)?.includes('shutting down') ?? true
}

function parentOf(pid: string): number | null {
  const stat = readIfThere(`/proc/${pid}/stat`)
  // `pid (name) state ppid …`: the name may hold spaces and parentheses (proc(5)).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[1] === undefined ? null : Number(fields[1])
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
