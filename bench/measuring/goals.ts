/** The goals that benchmarks are held against: one line each, with what was measured. */
import type { Measured, Report } from './measure.ts'

/** What a benchmark left: its report, or the text it printed where it has none. */
export type Outcome = { bench: string; report: Report | null; text: string }

/** `isMet`: null where it was not measured. */
export type JudgedGoal = { bench: string; goal: string; figure: string; isMet: boolean | null }

type Judgement = { figure: string; isMet: boolean } | null
type Goal = { bench: string; goal: string; judge(outcome: Outcome & { report: Report }): Judgement }

const goals: readonly Goal[] = [
  {
    bench: 'plan',
    goal: 'plan, 1,000 services, 100,000 files: faster than turbo ls --affected',
    judge: ({ report }) => ratio(planRow(report), rowOf(report, /^turbo/), 1, 'of turbo'),
  },
  {
    bench: 'plan',
    goal: 'plan: under 120 MB at its peak',
    judge({ report }) {
      const peakMb = planRow(report)?.peakMb
      return peakMb === undefined ? null : { figure: `${peakMb} MB`, isMet: peakMb < 120 }
    },
  },
  {
    bench: 'plan',
    goal: 'plan: 10,000 commits of history do not slow it down',
    // What two rows of the same command differ by on a busy machine.
    judge: ({ report }) => ratio(ours(report, /: plan, 10,000 commits$/), planRow(report), 1.1, 'of no history'),
  },
  {
    bench: 'history',
    goal: 'plan over a whole history: 1,000 commits a second',
    judge: ({ report }) => figure(report, 'perSecond', (value) => value >= 1000, 'a second'),
  },
  {
    bench: 'deliver',
    goal: 'deliver with nothing to do: under 300 ms',
    judge: ({ report }) => time(ours(report, /: deliver, nothing to do$/), 300),
  },
  {
    bench: 'deliver',
    goal: 'one changed service, committed → running: within 3 s',
    judge: ({ report }) => time(ours(report, /: deliver, one service changed$/), 3000),
  },
  {
    bench: 'promote',
    goal: '100 artifacts promoted by tag: within 0.6 s',
    judge: ({ report }) => time(rowOf(report, /^trunkline/), 600),
  },
  {
    bench: 'promote',
    goal: '100 artifacts promoted by tag: faster than crane tag in a loop',
    judge: ({ report }) => ratio(rowOf(report, /^trunkline/), rowOf(report, /^crane/), 1, 'of crane'),
  },
  {
    bench: 'image',
    goal: 'an image from a base of 50 MB and 5 MB of files, pushed: within 1.5 s',
    judge: ({ report }) => time(rowOf(report, /^trunkline, again/), 1500),
  },
  {
    bench: 'agent',
    goal: 'agent, 100 instances under it, idle: under 80 MB',
    judge({ report }) {
      const instances = report.figures?.['instances']
      const judged = figure(report, 'agentMb', (value) => value < 80, 'MB')
      return judged === null ? null : { ...judged, figure: `${judged.figure}, ${instances} instances` }
    },
  },
  {
    bench: 'lambda',
    goal: '50 functions of AWS Lambda, one changed: within 2 s',
    judge: ({ report }) => time(ours(report, /: deliver, 50 functions, one changed$/), 2000),
  },
  {
    bench: 'lambda',
    goal: '50 functions of AWS Lambda, one changed: under 20 calls beyond the change',
    judge: ({ report }) => figure(report, 'beyond', (value) => value < 20, 'calls'),
  },
  {
    bench: 'ledger',
    goal: 'status, a ledger of 100,000 events: under 500 ms',
    judge: ({ report }) => time(ours(report, /: status, a long ledger$/), 500),
  },
  {
    bench: 'ledger',
    goal: 'deliver, a ledger of 100,000 events: under 500 ms',
    judge: ({ report }) => time(ours(report, /: deliver, a long ledger$/), 500),
  },
]

/** What the router is held against, which prints a text of its own: `<peer> …`, then `ours / it, req/s  median 0.86 …`. */
const routerPeers = [
  { peer: 'kamal-proxy', isGoal: true },
  // What kamal-proxy is built on: who is not slower than this is not slower than that.
  { peer: "Go's ReverseProxy", isGoal: false },
  { peer: 'nginx', isGoal: false },
] as const

/** Every goal of these benchmarks, in their order. */
export function judgeGoals(outcomes: readonly Outcome[]): JudgedGoal[] {
  return outcomes.flatMap((outcome) => [
    ...goals
      .filter(({ bench }) => bench === outcome.bench)
      .map(({ bench, goal, judge }): JudgedGoal => {
        const judged = outcome.report === null ? null : judge({ ...outcome, report: outcome.report })
        return { bench, goal, figure: judged?.figure ?? 'not measured', isMet: judged?.isMet ?? null }
      }),
    ...(outcome.bench === 'router' ? judgeRouter(outcome.text) : []),
  ])
}

/** One line a goal: what, how much, whether it is met. */
export function tableOfGoals(judged: readonly JudgedGoal[]): string {
  const rows = judged.map(({ goal, figure, isMet }) => [goal, figure, isMet === null ? '-' : isMet ? 'met' : 'NOT MET'])
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

function judgeRouter(text: string): JudgedGoal[] {
  const lines = text.split('\n')
  return routerPeers.map(({ peer, isGoal }): JudgedGoal => {
    const goal = `router: requests a second against ${peer}${isGoal ? ', not fewer' : ''}`
    const medians = lines.flatMap((line, at) => {
      if (!line.startsWith(peer)) return []
      const next = lines.slice(at + 1, at + 4).find((one) => /ours \/ it, req\/s/.test(one)) ?? ''
      const median = /median ([\d.]+)/.exec(next)?.[1]
      return median === undefined ? [] : [Number(median)]
    })
    if (medians.length === 0) return { bench: 'router', goal, figure: 'not measured', isMet: null }
    const figure = `${medians.join(' on one core, ')}${medians.length > 1 ? ' on all' : ''}`
    return { bench: 'router', goal, figure, isMet: isGoal ? medians.every((median) => median >= 1) : null }
  })
}

const rowOf = (report: Report, name: RegExp): Measured | undefined => report.rows.find((row) => name.test(row.name))

/** The published form where it was measured, else the sources. */
const ours = (report: Report, name: RegExp): Measured | undefined => {
  const rows = report.rows.filter((row) => name.test(row.name))
  return rows.find((row) => row.name.includes('(bundle)')) ?? rows[0]
}

const planRow = (report: Report): Measured | undefined => ours(report, /: plan$/)

function ratio(row: Measured | undefined, other: Measured | undefined, limit: number, of: string): Judgement {
  if (row === undefined || other === undefined) return null
  const [min, median] = [row.minMs / other.minMs, row.medianMs / other.medianMs]
  return { figure: `${min.toFixed(2)} ${of} (median ${median.toFixed(2)})`, isMet: min < limit && median < limit }
}

function time(row: Measured | undefined, limitMs: number): Judgement {
  if (row === undefined) return null
  const figure = `${Math.round(row.minMs)} ms (median ${Math.round(row.medianMs)} ms)`
  return { figure, isMet: row.medianMs < limitMs }
}

function figure(report: Report, name: string, isMet: (value: number) => boolean, unit: string): Judgement {
  const value = report.figures?.[name]
  return value === undefined ? null : { figure: `${value} ${unit}`, isMet: isMet(value) }
}
