/** One thread's share of histories: every `step`th seed from `from` on. */
import { setFlagsFromString } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { checkHistory } from './checkers/index.ts'
import { asideOfPromises } from './scheduler.ts'
import { shrink } from './shrink.ts'
import { simulateHistory } from './simulate-history.ts'
import { writeStory } from './story.ts'
import { tell } from './tell.ts'

export type Share = { from: number; to: number; step: number; fleets: number; untilMs: number | null }

/** What histories were made of, so that nobody has to believe that they were about something. */
export type Tally = Record<string, number>

export type WorkerMessage =
  | { kind: 'done'; histories: number; tally: Tally }
  | { kind: 'failed'; seed: number; violations: string[]; story: string; shrunk: unknown }
  | { kind: 'ended' }

const reportEvery = 25

/** Histories are short-lived: with room for some of them (a third of this) the collector has little to copy. */
export const youngGeneration = { maxYoungGenerationSizeMb: 192 }

/**
 * Much of a history lives to its end and no longer. V8 learns the first half of that, makes such objects old from the
 * start, and with those that are dead keeps what they point to through every small collection: a fifth of all time.
 */
const noPretenuring = '--no-allocation-site-pretenuring'

/** Errors are answers here, thousands of them; where one is a bug, the same history tells it again with some lines. */
const linesOfBugs = 6

async function simulateShare(share: Share, post: (message: WorkerMessage) => void): Promise<void> {
  let histories = 0
  let tally: Tally = {}
  const report = (): void => {
    post({ kind: 'done', histories, tally })
    histories = 0
    tally = {}
  }
  setFlagsFromString(noPretenuring)
  Error.stackTraceLimit = 0
  for (let seed = share.from; seed < share.to; seed += share.step) {
    if (share.untilMs !== null && Date.now() >= share.untilMs) break
    const story = writeStory(seed, share.fleets)
    const failure = await asideOfPromises(() => {
      const history = simulateHistory(story)
      count(tally, history)
      if (checkHistory(history).length === 0) return null
      Error.stackTraceLimit = linesOfBugs
      const violations = checkHistory(simulateHistory(story))
      const shrunk = shrink(story)
      return {
        violations: violations.map(({ invariant, text }) => `${invariant}: ${text}`),
        story: tell(simulateHistory(shrunk)),
        shrunk,
      }
    })
    Error.stackTraceLimit = 0
    if (failure !== null) post({ kind: 'failed', seed, ...failure })
    if (++histories === reportEvery) report()
  }
  report()
  post({ kind: 'ended' })
}

function count(tally: Tally, { world }: ReturnType<typeof simulateHistory>): void {
  const add = (what: string, number = 1): void => {
    tally[what] = (tally[what] ?? 0) + number
  }
  const { chronicle } = world
  add('actions', chronicle.runs.length)
  if (world.story.signed) add('signed histories')
  for (const { outcome } of chronicle.runs) if (outcome.kind === 'died') add('kills')
  add('builds', chronicle.built.length)
  add('jobs', chronicle.jobs.length)
  add('effects on platforms', chronicle.effects.length)
  for (const { kind } of chronicle.divisions) add(`divisions ${kind}`)
  for (const { put, isForged } of world.remote.stateCommits.values()) {
    if (isForged) add('forgeries')
    const event = put['event.json']
    const kind = event === undefined ? null : /"kind": "([a-z-]+)"/.exec(event)?.[1]
    if (kind) add(`event ${kind}`)
  }
}

if (parentPort !== null && workerData !== null) {
  const port = parentPort
  await simulateShare(workerData as Share, (message) => port.postMessage(message)) // Written by simulate.ts.
}
