/** Kills a delivery at each of its points, goes on with it, and looks at where it ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Bench, type Config, createBench, writePlace } from '../fixtures/world.ts'
import { act, type CrashAction, openMortal } from './crash-world.ts'

export type CrashScenario = {
  config: Config
  action: CrashAction
  /** Brings a fresh bench to where the action begins. */
  prepare(bench: Bench): Promise<void>
}

/** A child that has not come to its end by then hangs. */
const childTimeoutMs = 60_000

/** Where it all ended, without what may differ: times, sequence numbers, ids of deployments. */
async function endState(bench: Bench) {
  const state = await bench.state('stage')
  const { running } = state
  const target = bench.target('stage')
  const jobs = target.effects().filter((effect) => effect.startsWith('job '))
  return {
    running: running && {
      release: running.release,
      commit: running.commit,
      services: Object.fromEntries(
        Object.entries(running.services).map(([name, { artifact, generation, inputHash }]) => [
          name,
          { artifact, generation, inputHash },
        ]),
      ),
    },
    health: state.health,
    deployment: state.deployment,
    waiting: state.waiting,
    held: state.held !== null,
    hooks: state.hooks,
    verified: state.verified.map((known) => known.view),
    failures: state.failures.map((known) => known.view),
    passedOver: state.passedOver,
    irreversible: [...new Set(state.irreversible.map((known) => known.hook))],
    last: state.last?.kind,
    yanks: (await bench.yanks()).map((yank) => yank.subject),
    target: target.running(),
    jobs: jobs.sort(),
    lease: (await leaseHolder(bench)) ?? 'free',
  }
}

async function leaseHolder(bench: Bench): Promise<string | undefined> {
  const { ledger } = bench.engine
  const snapshot = await ledger.refresh(AbortSignal.timeout(30_000))
  return (await ledger.lease(snapshot, 'stage')).lease?.holder?.label
}

export type EndState = Awaited<ReturnType<typeof endState>>

/** Where the action begins, to be copied for every run. */
export async function prepared(scenario: CrashScenario): Promise<Bench> {
  const bench = await createBench({ config: scenario.config })
  await scenario.prepare(bench)
  return bench
}

/** The names of all points of an uninterrupted run, and where it ends. */
export async function runThrough(scenario: CrashScenario, from: Bench): Promise<{ points: string[]; end: EndState }> {
  await using bench = await createBench({ from })
  const points: string[] = []
  await using controller = await openMortal(bench.place, (name) => void points.push(name))
  await act(controller, scenario.action)
  return { points, end: await endState(bench) }
}

/** The same with a SIGKILL at point `at` (from 1), and then whatever a person or a schedule would run next. */
export async function runKilledAt(
  scenario: CrashScenario,
  from: Bench,
  at: number,
): Promise<{ diedAt: string; end: EndState }> {
  await using bench = await createBench({ from })
  const file = join(bench.place.directory, 'place.json')
  await writePlace(bench.place, file)
  const diedAt = await runChild(file, scenario.action, at)
  await using next = await openMortal(bench.place, () => {})
  if (scenario.action === 'deliver') await next.deliver('main')
  await next.advance()
  assert.equal((await next.advance()).outcome, 'nothing', `nothing is left to do after a death at ${diedAt}`)
  return { diedAt, end: await endState(bench) }
}

function runChild(file: string, action: CrashAction, at: number): Promise<string> {
  const script = join(import.meta.dirname, 'crash-child.ts')
  const child = spawn(process.execPath, [script, file, action, String(at)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), childTimeoutMs)
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === 'SIGKILL' && output !== '') resolve(output.trim())
      else reject(new Error(`the child did not die at point ${at} (code ${code}): ${errors}`))
    })
  })
}

/** Runs jobs a few at a time. */
export async function someAtATime<T>(
  items: readonly T[],
  limit: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
}
