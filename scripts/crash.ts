/**
 * `npm run crash`: real commands killed at random moments, until as many have died as wanted or the time is up; every
 * one must converge. `-- --kills 1000 --seed 7 --minutes 30 --way path|http`; the seed it used is told, so that a
 * failure can be repeated.
 */
import { parseArgs } from 'node:util'
import { goThroughOrdeal, type Kill } from '../test/crash/ordeal.ts'
import { registryMissing, startRegistry } from '../test/parts/registry.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '10' },
    way: { type: 'string', default: 'path' },
  },
})
const [kills, seed, minutes] = [values.kills, values.seed, values.minutes].map(Number)
if (![kills, seed, minutes].every((number) => Number.isFinite(number)) || !['path', 'http'].includes(values.way)) {
  console.error('usage: npm run crash -- [--kills N] [--seed S] [--minutes M] [--way path|http]')
  process.exit(2)
}
const untilMs = performance.now() + Number(minutes) * 60_000
const way = values.way === 'http' ? 'http' : 'path'
const registry = way === 'http' && registryMissing() === false ? await startRegistry() : null
let worlds = 0

console.log(`${kills} kills from seed ${seed}, remote by ${way}, artifacts in ${registry ? 'a registry' : 'a layout'}`)
try {
  const report = await goThroughOrdeal({
    way,
    seed: Number(seed),
    kills: Number(kills),
    isTimeUp: () => performance.now() > untilMs,
    ...(registry && { artifacts: () => `oci+http://${registry.host}/world-${++worlds}` }),
  })
  printTable(report.kills)
  console.log(
    `\n${report.kills.length} kills in ${report.rounds} rounds, every round at the same end as undisturbed; ` +
      `${report.runsToConverge} runs to get there; ${report.unknownHooks} hooks of unknown outcome, each decided by hand`,
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(`\nrepeat it with: npm run crash -- --kills ${kills} --seed ${seed} --way ${way}`)
  process.exitCode = 1
} finally {
  await registry?.stop()
}

/** What was killed, how often, alone or with all it had started, and what it was about to do. */
function printTable(killed: readonly Kill[]): void {
  const rows = [...new Set(killed.map(({ round }) => round))].map((round) => {
    const own = killed.filter((kill) => kill.round === round)
    const alone = own.filter(({ victim }) => victim === 'process').length
    const doing = new Map<string, number>()
    for (const { diedAt } of own) {
      const what = /(?:after |, )(start \S+|[a-z]+|[A-Z]+ )[^,]*$/.exec(diedAt)?.[1]?.trim() ?? diedAt
      doing.set(what, (doing.get(what) ?? 0) + 1)
    }
    const most = [...doing].sort(([, left], [, right]) => right - left).slice(0, 4)
    return {
      round,
      kills: own.length,
      alone,
      'with all it started': own.length - alone,
      'most often at': most.map(([what, count]) => `${what} ×${count}`).join(', '),
    }
  })
  console.table(rows)
}
