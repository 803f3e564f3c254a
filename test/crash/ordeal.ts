/**
 * Two worlds go the same way: one in peace, the other killed again and again at moments that a seed chooses. After every
 * round, when the killed one has been run to its end, both must stand at the same place.
 */
import assert from 'node:assert/strict'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { eventually } from '../process/eventually.ts'
import { type CommandEnd, type Death, documentOf } from './commands.ts'
import { type ControllerName, type CrashWorld, type CrashWorldOptions, createCrashWorld } from './crash-world.ts'
import { assertSound, endState, readBuilds } from './end-state.ts'
import { type Chance, chanceFrom } from './random.ts'
import { type Round, rounds } from './rounds.ts'

export type OrdealOptions = Omit<CrashWorldOptions, 'artifacts'> & {
  seed: number
  /** How often to kill; the last round is gone through to its end. */
  kills: number
  /** Called for each world, which has a store of its own. */
  artifacts?: () => string
  /** Ends it early: a round that was begun is gone through to its end. */
  isTimeUp?: () => boolean
}

export type Kill = {
  round: string
  words: string
  /** What it was about to do. */
  diedAt: string
  victim: Death['victim']
  by: ControllerName
}

export type OrdealReport = { kills: Kill[]; rounds: number; runsToConverge: number; unknownHooks: number }

/** In one round; then it is let go on, or nothing would ever come to its end. */
const maxKillsARound = 9
const maxRunsToConverge = 8

export async function goThroughOrdeal(options: OrdealOptions): Promise<OrdealReport> {
  const chance = chanceFrom(options.seed)
  const report: OrdealReport = { kills: [], rounds: 0, runsToConverge: 0, unknownHooks: 0 }
  const { artifacts, ...rest } = options
  const open = () => createCrashWorld({ ...rest, ...(artifacts && { artifacts: artifacts() }) })
  await using peaceful = await open()
  await using killed = await open()
  await runInPeace(peaceful, ['deliver'], 0)
  await runInPeace(killed, ['deliver'], 0)

  for (const round of endlessly(rounds)) {
    if (report.kills.length >= options.kills || options.isTimeUp?.()) break
    const wanted = Math.min(maxKillsARound, options.kills - report.kills.length)
    await goThroughRound({ round, peaceful, killed, chance, report, wanted })
    report.rounds += 1
  }
  await assertSound(killed)
  await assertTidy(killed)
  return report
}

function* endlessly<T>(items: readonly T[]): Generator<T> {
  for (;;) yield* items
}

type RoundUnderWay = {
  round: Round
  peaceful: CrashWorld
  killed: CrashWorld
  chance: Chance
  report: OrdealReport
  wanted: number
}

async function goThroughRound({ round, peaceful, killed, chance, report, wanted }: RoundUnderWay): Promise<void> {
  const turn = report.rounds
  const { counts } = await runInPeace(peaceful, await round.prepare(peaceful, turn), round.exitCode)
  const words = await round.prepare(killed, turn)
  assert.ok(counts)

  const died: Kill[] = []
  const why = () =>
    `${round.name}: trunkline ${words.join(' ')}\n${died.map((kill) => `died ${kill.diedAt}`).join('\n')}`
  while (died.length < wanted) {
    // What goes on with something has less to do than who began it.
    const share = died.length === 0 ? 1 : 0.3
    const death = chooseDeath(chance, { moment: counts.moment * share, call: counts.call * share })
    const by = chance.oneOf(['ada', 'ben'] as const)
    const wordsNow = died.length > 0 && chance.fraction() < 0.2 ? ['advance'] : words
    const ended = await killed.start(wordsNow, { by, death }).ended
    if (ended.exitCode !== null) break
    died.push({ round: round.name, words: wordsNow.join(' '), diedAt: ended.diedAt ?? '', victim: death.victim, by })
  }
  report.kills.push(...died)
  report.runsToConverge += await runToTheEnd(killed, words, chance, report, why)

  assert.deepEqual(await endState(killed), await endState(peaceful), why())
  const inputs = (await readBuilds(killed)).map(({ inputHash }) => inputHash)
  assert.equal(new Set(inputs).size, inputs.length, `one build record for one input hash\n${why()}`)
  await eventually(async () => (await killed.processes()).length === 0).catch(async () => {
    assert.deepEqual(await killed.processes(), [], `no process is left\n${why()}`)
  })
  await round.conclude?.(peaceful)
  await round.conclude?.(killed)
}

/** Half of all deaths at calls: what is pushed, started, uploaded or renamed is what others see. */
function chooseDeath(chance: Chance, counts: Record<'moment' | 'call', number>): Death {
  const unit = chance.oneOf(['moment', 'call'] as const)
  return {
    unit,
    number: chance.between(1, Math.ceil(counts[unit])),
    delayMs: chance.oneOf([0, 0, 1, chance.between(2, 15), chance.between(15, 60)]),
    victim: chance.oneOf(['process', 'tree'] as const),
  }
}

async function runInPeace(world: CrashWorld, words: readonly string[], exitCode: number): Promise<CommandEnd> {
  const ended = await world.start(words).ended
  documentOf(ended, exitCode)
  return ended
}

/** Whatever a person or a schedule would run next, until nothing is left to do. Answers how many runs it took. */
async function runToTheEnd(
  world: CrashWorld,
  words: readonly string[],
  chance: Chance,
  report: OrdealReport,
  why: () => string,
): Promise<number> {
  let next: readonly string[] = words
  for (let run = 1; run <= maxRunsToConverge; run++) {
    const ended = await world.start(next, { by: chance.oneOf(['ada', 'ben'] as const) }).ended
    const result = documentOf<Partial<DeliveryResult>>(ended, 0, 1, 3, 4)
    const unknown = result.environments?.find(({ reasons }) =>
      reasons.some(({ code }) => code === 'hook-outcome-unknown'),
    )
    if (unknown !== undefined) {
      await assertUnknown(world, unknown.name, why)
      report.unknownHooks += 1
      next = ['retry', unknown.name, chance.oneOf(['--rerun', '--assume-done'] as const)]
      continue
    }
    assert.notEqual(ended.exitCode, 4, `${why()}\n${ended.stdout}`)
    if (next[0] === 'advance' && result.outcome === 'nothing') return run
    next = ['advance']
  }
  assert.fail(`nothing is left to do after ${maxRunsToConverge} runs\n${why()}`)
}

/** A hook is only *errored* over a job that was begun and whose end nobody wrote down. */
async function assertUnknown(world: CrashWorld, environment: string, why: () => string): Promise<void> {
  const { jobs } = world.platform(environment).state()
  assert.ok(
    Object.values(jobs).some(({ outcome }) => outcome === 'running'),
    `a hook is said to be unknown though its end is\n${why()}`,
  )
}

/** One more build by each controller sweeps away what the dead have left in their work folders and caches, once it is old. */
async function assertTidy(world: CrashWorld): Promise<void> {
  for (const by of ['ada', 'ben'] as const) {
    const home = world.home(by)
    const leavings = async () =>
      (await readdir(home, { recursive: true })).filter((path) => /\.(?:new|old|lock)$|\.lock\./.test(path))
    const longAgo = new Date(Date.now() - 86_400_000)
    for (const path of await leavings()) await utimes(join(home, path), longAgo, longAgo)
    await world.push({ 'carts/main.txt': `the last of ${by}\n`, 'tools.txt': `${by}\n` })
    documentOf(await world.start(['deliver'], { by }).ended, 0)
    assert.deepEqual(await readdir(join(home, 'work')), [], 'no work folder is left')
    assert.deepEqual(await leavings(), [], 'no half cache and no lock is left')
  }
}
