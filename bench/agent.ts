/**
 * One agent with 100 instances: what agent and router take while nothing happens, and how long all instances take to be
 * replaced. Instances are Node programs of their own; their starting is most of a rollout.
 *
 *     node bench/agent.ts [services] [replicas]
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Report, rssMbOf, runCommand } from './measuring/measure.ts'
import { trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'
import { changeAll, endFleet, makeShop } from './measuring/shop.ts'

const [services = 20, replicas = 5] = process.argv.slice(2).map(Number).filter(Number.isInteger)
const idleSeconds = 10
using scratch = scratchFolder()
const { environment } = scratch
const skipped: Report['skipped'] = []
const shop = makeShop(scratch, services, { replicas })
const at = { cwd: shop.clone, environment, timeoutMs: 300_000 }
const [program] = present(trunklinePrograms().reverse(), skipped)
if (program === undefined) throw new Error('there is no Trunkline to measure')
const deliver = [...program.argv, 'deliver', '--json']
try {
  const rows: Report['rows'] = []
  for (const name of ['first rollout', 'rollout of all']) {
    if (name !== 'first rollout') changeAll(scratch, shop, 'two')
    const startedAt = performance.now()
    await runCommand(deliver, { ...at, expect: /"outcome": "succeeded"/ })
    const tookMs = Math.round(performance.now() - startedAt)
    rows.push({ name: `${name}: ${services * replicas} instances`, minMs: tookMs, medianMs: tookMs, runs: 1 })
  }
  await sleep(3000)
  const processes = fleetProcesses()
  const before = processes.map(({ pid }) => cpuMs(pid))
  await sleep(idleSeconds * 1000)
  const figures: Record<string, number> = { instances: services * replicas }
  const notes = processes.map(({ name, pid }, index) => {
    if (/agent/.test(name)) figures['agentMb'] = rssMbOf(pid)
    const cpu = (cpuMs(pid) - (before[index] ?? 0)) / idleSeconds
    return `${name}: ${rssMbOf(pid)} MB resident, ${cpu.toFixed(1)} ms of CPU a second while nothing happens`
  })
  printReport({
    bench: 'agent',
    about: `${program.name}: ${services} services of ${replicas} instances`,
    rows,
    skipped,
    notes,
    figures,
  })
} finally {
  await endFleet(scratch)
}

/** What runs for this benchmark's fleet, told by the folder in its command line. */
function fleetProcesses(): Array<{ name: string; pid: number }> {
  const folder = `${environment['TRUNKLINE_HOME']}/fleet`
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) return []
    const words = commandLine(pid)
    const at = words.findIndex((word) => word === folder || word === `${folder}/router`)
    const file = words[at - 1]
    return at < 1 || file === undefined ? [] : [{ name: file.split('/').slice(-2).join('/'), pid }]
  })
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return [] // It has ended.
  }
}

function cpuMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return 0
  }
}
