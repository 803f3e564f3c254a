/**
 * V8 compiles hot code on threads of its own, in bursts: when traffic comes, and when connections end in a way it had
 * not seen. Where there is no idle core, these threads would share that of the requests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/** They get about a quarter of a core that requests want, and all of one that nobody wants. */
const helperNiceness = 5
const { PRIORITY_LOW: lowest } = constants.priority

/** Lets the thread of the requests go first. Answers how many were told; none where the system has no such notion. */
export function calmHelperThreads(): number {
  let calmed = 0
  for (const thread of threadsNamed('V8Worker')) {
    try {
      // Linux has a priority for each thread, and takes a thread's number where others take a process's.
      setPriority(thread, Math.min(lowest, getPriority() + helperNiceness))
      calmed += 1
    } catch {
      // It is a comfort, not a need.
    }
  }
  return calmed
}

function threadsNamed(wanted: string): number[] {
  if (process.platform !== 'linux') return []
  try {
    const isWanted = (thread: string) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim() === wanted
    return readdirSync('/proc/self/task').filter(isWanted).map(Number)
  } catch {
    return []
  }
}
