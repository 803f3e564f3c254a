/** A history as a story people can read: numbered lines, who did what when, and what went wrong. */
import { subjectOf } from '../../src/ledger/index.ts'
import type { LedgerEvent } from '../../src/model/index.ts'
import { checkHistory, type Violation } from './checkers/index.ts'
import type { ActionRun } from './chronicle.ts'
import type { History } from './simulate-history.ts'
import type { SimulatedWorld } from './simulated-world.ts'
import type { Act, Fate } from './story.ts'

type Line = { atMs: number; text: string }

export function tell(history: History, violations: readonly Violation[] = checkHistory(history)): string {
  const { world, calmAtMs } = history
  const { story, chronicle } = world
  const lines: Line[] = [
    ...chronicle.weather.map(({ atMs, text }) => ({ atMs, text: `~ ${text}` })),
    ...chronicle.runs.flatMap((run) => linesOfRun(world, run)),
    ...chronicle.refs.flatMap((move) => linesOfMove(world, move)),
    ...chronicle.jobs.map(({ atMs, environment, name, key, exitCode }) => ({
      atMs,
      text: `  ${environment}: job ${name} (${key.slice(0, 30)}) runs and ends with ${exitCode}`,
    })),
    ...chronicle.built.map(({ atMs, process, service, artifact }) => ({
      atMs,
      text: `  ${nameOf(world, process)} built ${service}: ${artifact.slice(7, 15)}`,
    })),
    ...chronicle.effects.map(({ atMs, process, environment, kind, service, serving, artifact, epoch }) => ({
      atMs,
      text: `  ${environment}: ${nameOf(world, process)} (epoch ${epoch}) ${kind} ${service}${artifact === null ? '' : ` ${artifact.slice(7, 15)}`}: ${serving} serving`,
    })),
    { atMs: calmAtMs, text: '~ faults stop' },
    ...violations.map(({ atMs, invariant, text }) => ({ atMs: atMs + 0.5, text: `!!! ${invariant}: ${text}` })),
  ]
  const ordered = lines
    .map((line, index) => ({ ...line, index }))
    .sort((one, other) => one.atMs - other.atMs || one.index - other.index)
  const told = ordered.map(({ atMs, text }, index) => `${String(index + 1).padStart(4)}  ${clockOf(atMs)}  ${text}`)
  const verdict = violations.map(
    ({ invariant, text }) =>
      `violated: ${typeof invariant === 'number' ? `invariant ${invariant}` : invariant}: ${text}`,
  )
  return [
    `seed ${story.seed}, shop ${story.shape}, ${story.actions.length} actions, ${story.faults.length} faults`,
    ...told,
    ...verdict,
  ].join('\n')
}

const clockOf = (atMs: number): string => {
  const seconds = Math.floor(atMs / 1000)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(Math.floor(atMs % 1000)).padStart(3, '0')}`
}

const nameOf = (world: SimulatedWorld, process: number): string => world.processes[process]?.name ?? 'someone'

function linesOfRun(world: SimulatedWorld, { action, process, startedMs, endedMs, outcome }: ActionRun): Line[] {
  const who = process < 0 ? ['Ada', 'Ben', 'Cleo', 'Dan'][action.who % 4] : nameOf(world, process)
  const what = `${action.id}. ${who}: ${sentenceOf(action.act)}${process < 0 ? pushedOf(outcome) : fateOf(action.fate)}`
  const lines: Line[] = [{ atMs: startedMs, text: what }]
  if (process >= 0 && endedMs !== null) lines.push({ atMs: endedMs, text: `${action.id}. ${who} ${endOf(outcome)}` })
  return lines
}

function pushedOf(outcome: ActionRun['outcome']): string {
  const answer = outcome.kind === 'answered' ? (outcome.answer as { ref: string; commit: string } | null) : null
  return answer === null ? '' : ` (${answer.ref} is ${answer.commit.slice(0, 7)})`
}

function sentenceOf(act: Act): string {
  const { kind, ...rest } = act
  const details = Object.entries(rest).map(
    ([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [kind, ...details].join(', ')
}

function fateOf({ diesAfterMs, sleeps, cancelledAfterMs }: Fate): string {
  const parts = [
    ...(diesAfterMs === null ? [] : [`dies after ${diesAfterMs} ms`]),
    ...(sleeps === null
      ? []
      : [`${sleeps.suspends ? 'is suspended' : 'stops'} after ${sleeps.afterMs} ms for ${sleeps.forMs} ms`]),
    ...(cancelledAfterMs === null ? [] : [`Ctrl-C after ${cancelledAfterMs} ms`]),
  ]
  return parts.length === 0 ? '' : ` [${parts.join('; ')}]`
}

function endOf(outcome: ActionRun['outcome']): string {
  switch (outcome.kind) {
    case 'died':
      return 'is killed'
    case 'running':
      return 'is at it still'
    case 'impossible':
      return 'finds nothing to do it with'
    case 'threw': {
      const { error } = outcome
      const code = error instanceof Error && 'code' in error ? `${error.code}: ` : ''
      return `fails: ${code}${error instanceof Error ? error.message : String(error)}`
    }
    case 'answered':
      return `ends: ${answerText(outcome.answer)}`
  }
}

type Told = { name: string; outcome: string; reasons: Array<{ code: string }> }

function answerText(answer: unknown): string {
  if (answer === null || typeof answer !== 'object') return String(answer ?? 'done')
  if (!('environments' in answer)) return JSON.stringify(answer).slice(0, 120)
  const environments = (answer.environments as Told[]).map(
    ({ name, outcome, reasons }) =>
      `${name} ${outcome}${reasons.length > 0 ? ` (${reasons.map(({ code }) => code).join(', ')})` : ''}`,
  )
  return `${'outcome' in answer ? answer.outcome : ''} ${environments.join('; ')}`
}

function linesOfMove(world: SimulatedWorld, move: History['world']['chronicle']['refs'][number]): Line[] {
  const { ref, from, to, atMs, process } = move
  const who = nameOf(world, process)
  if (to === null || !ref.startsWith('refs/trunkline/')) return []
  const stored = world.remote.stateCommits.get(to)
  if (ref.startsWith('refs/trunkline/lease/')) {
    const isRenewal = stored?.message.includes('Renewal: 0') === false && !stored.subject.includes('released')
    return isRenewal ? [] : [{ atMs, text: `  ${who}: ${stored?.subject}` }]
  }
  const lines: Line[] = []
  for (let id: string | null = to; id !== null && id !== from; ) {
    const commit: typeof stored = world.remote.stateCommits.get(id as typeof to)
    const event: LedgerEvent | null =
      commit?.put['event.json'] === undefined ? null : JSON.parse(commit.put['event.json'])
    const deployment = event !== null && 'deployment' in event && event.deployment ? ` ${event.deployment}` : ''
    lines.unshift({
      atMs,
      text: `  ${who}${deployment}: ${event === null ? commit?.subject : `#${event.seq} ${subjectOf(event)}`}`,
    })
    id = commit?.parent ?? null
  }
  return lines
}
