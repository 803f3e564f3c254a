/** What process groups use, from `/proc`, else from `ps`. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** `cpuSeconds` is the processor time its live processes have used since they began. */
export type GroupUsage = { rssBytes: number; cpuSeconds: number }

/** USER_HZ: what the kernel tells user space is 100 on every architecture Node runs on. */
const clockTicksPerSecond = 100
const lookupTimeoutMs = 2000

/** Usage of the given process groups, each summed over its processes; absent where the group is gone. */
export function usageOfGroups(groups: ReadonlySet<number>): Map<number, GroupUsage> {
  const usage = new Map<number, GroupUsage>()
  if (groups.size === 0) return usage
  for (const { group, rssBytes, cpuSeconds } of process.platform === 'linux' ? readProc(groups) : readPs()) {
    if (!groups.has(group)) continue
    const sum = usage.get(group) ?? { rssBytes: 0, cpuSeconds: 0 }
    usage.set(group, { rssBytes: sum.rssBytes + rssBytes, cpuSeconds: sum.cpuSeconds + cpuSeconds })
  }
  return usage
}

type ProcessUsage = GroupUsage & { group: number }

function readProc(groups: ReadonlySet<number>): ProcessUsage[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        // Fields after the name's closing parenthesis; numbers of proc(5) minus three.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const group = Number(fields[2])
        if (!groups.has(group)) return []
        const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
        return [
          {
            group,
            rssBytes: Number(resident?.[1] ?? 0) * 1024,
            cpuSeconds: (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond,
          },
        ]
      } catch {
        // It ended while we looked.
        return []
      }
    })
}

function readPs(): ProcessUsage[] {
  const answer = spawnSync('ps', ['-axo', 'pgid=,rss=,time='], { encoding: 'utf8', timeout: lookupTimeoutMs })
  if (answer.status !== 0) return []
  return answer.stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([group, kilobytes, time]) =>
      group && kilobytes && time
        ? [{ group: Number(group), rssBytes: Number(kilobytes) * 1024, cpuSeconds: secondsOf(time) }]
        : [],
    )
}

/** `[[dd-]hh:]mm:ss[.cc]` */
function secondsOf(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time]
  return (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400
}
