/** Tells the story: calmly on a terminal, line by line elsewhere, not at all for `--json`. */
import { createInterface } from 'node:readline'
import { createRegion } from '../cli/view/region.ts'
import { createPen, type Line, paint, type Style, spaced, wrap } from '../cli/view/text/index.ts'
import { formatDuration } from '../cli/view/text/units.ts'
import type { DemoStage, DemoSummary } from './index.ts'
import { heldThroughout } from './index.ts'
import type { LoadFigures } from './load.ts'

export type TellerOptions = {
  stream: NodeJS.WriteStream
  style: Style
  /** A person is watching: the running chapter is redrawn in place, and the shop stays until Enter is pressed. */
  isLive: boolean
}

/** The newest lines of what is being typed in the running chapter. */
const maxTyped = 8

export function createTeller({ stream, style, isLive }: TellerOptions): DemoStage {
  const pen = createPen(style)
  const say = (...lines: Line[]) => void stream.write(`${paint(lines, style).join('\n')}\n`)
  const region = isLive ? createRegion(stream) : null
  let typed: string[] = []
  let load: LoadFigures = { requests: 0, failedRequests: 0, failures: [] }
  let chapterStartedMs = 0
  let isUnderLoad = true

  const redraw = () => {
    if (region === null || chapterStartedMs === 0) return
    const elapsed = formatDuration(performance.now() - chapterStartedMs)
    const lines: Line[] = [
      ...typed.slice(-maxTyped).map((line): Line => [pen.dim(`    ${line}`)]),
      [pen.dim(`    ${elapsed}`), ...loadLine(load)],
    ]
    region.draw(paint(lines, style))
  }
  const indented = (line: Line): Line[] => wrap(line, style.width - 6).map((part) => [pen.plain('    '), ...part])
  const loadLine = ({ requests, failedRequests }: LoadFigures): Line =>
    isUnderLoad
      ? [
          pen.dim(' · '),
          pen.plain(`${requests.toLocaleString('en')} requests`),
          pen.dim(', '),
          failedRequests === 0 ? pen.good('0 failed') : pen.bad(`${failedRequests} failed`),
        ]
      : []

  return {
    begins(story) {
      isUnderLoad = story.frontDoor !== null
      say([pen.strong(story.title)], [pen.dim(story.scene)], [])
    },
    chapterBegins(chapter, number, of) {
      typed = []
      chapterStartedMs = performance.now()
      say(spaced(pen.accent(`${number}/${of}`), pen.strong(chapter.name)), ...indented([pen.dim(chapter.tells)]))
      redraw()
    },
    line(text) {
      typed.push(text)
      // What is said before the first chapter stays.
      if (chapterStartedMs === 0) say(...indented([pen.dim(text)]))
      else if (region === null) say([pen.dim(`    ${text}`)])
      else redraw()
    },
    figures(figures) {
      load = figures
      redraw()
    },
    chapterEnds(_chapter, ok, facts, durationMs) {
      chapterStartedMs = 0
      region?.clear()
      if (region !== null && typed.length > 0) say(...typed.map((line): Line => [pen.dim(`    ${line}`)]))
      const mark = ok ? pen.good(pen.symbols.done) : pen.bad(pen.symbols.failed)
      say(
        ...facts.flatMap((fact): Line[] =>
          wrap([ok ? pen.plain(fact) : pen.bad(fact)], style.width - 8).map((part, index) => [
            pen.plain('    '),
            index === 0 ? mark : pen.plain(' '),
            pen.plain(' '),
            ...part,
          ]),
        ),
        [pen.dim(`      ${formatDuration(durationMs)}`), ...loadLine(load)],
        [],
      )
    },
    async lingers(addresses, signal) {
      if (!isLive) return
      const width = Math.max(...Object.keys(addresses).map((name) => name.length), 0) + 2
      say([pen.strong('It is all still running. Have a look:')])
      say(
        ...Object.entries(addresses).map(
          ([name, url]): Line => [pen.plain(`    ${name.padEnd(width)}`), pen.accent(url)],
        ),
      )
      say([pen.dim('Press Enter to end it.')])
      await pressedEnter(signal)
    },
  }
}

const pressedEnter = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin })
    const done = () => {
      reader.close()
      resolve()
    }
    reader.once('line', done)
    reader.once('close', resolve)
    signal.addEventListener('abort', done, { once: true })
  })

export function renderSummary(summary: DemoSummary, style: Style): string[] {
  const pen = createPen(style)
  const held = heldThroughout(summary)
  const row = (name: string, value: string, tone: 'plain' | 'good' | 'bad' = 'plain'): Line => [
    pen.dim(`  ${name.padEnd(18)}`),
    pen[tone](value),
  ]
  return paint(
    [
      held
        ? spaced(pen.good(pen.symbols.done), pen.strong('Every chapter held.'))
        : spaced(pen.bad(pen.symbols.failed), pen.strong('The story did not hold.')),
      ...(summary.underLoad
        ? [
            row('requests', summary.requests.toLocaleString('en')),
            row('failed requests', String(summary.failedRequests), summary.failedRequests === 0 ? 'good' : 'bad'),
          ]
        : []),
      row('builds', String(summary.builds)),
      row('promotions', String(summary.promotions)),
      row('time', formatDuration(summary.durationMs)),
      row('ledger', summary.ledger),
      ...summary.failures.map((failure): Line => [pen.bad(`  ${failure}`)]),
    ],
    // A command that is cut cannot be typed.
    { ...style, width: Number.POSITIVE_INFINITY },
  )
}
