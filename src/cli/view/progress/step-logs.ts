/** Output of running steps, kept apart until each ends: bounded, the middle of a very long one is left out. */

export type StepLogs = {
  add(step: string, line: string): void
  /** All that is kept of a step's output; forgets it. */
  take(step: string): string[]
  /** Steps with output that was not taken. */
  open(): string[]
}

const keptAtStart = 500
const keptAtEnd = 4500
/** Longer lines are minified code or data, which nobody reads in a CI log. */
const longestLine = 4000

export function createStepLogs(): StepLogs {
  const logs = new Map<string, { start: string[]; end: string[]; dropped: number }>()
  return {
    add(step, line) {
      const log = logs.get(step) ?? { start: [], end: [], dropped: 0 }
      logs.set(step, log)
      const text = line.length > longestLine ? `${line.slice(0, longestLine)}…` : line
      if (log.start.length < keptAtStart) log.start.push(text)
      else log.end.push(text)
      // Cut in large pieces: shifting at every line would cost the length of the buffer each time.
      if (log.end.length > 2 * keptAtEnd) {
        log.dropped += log.end.length - keptAtEnd
        log.end = log.end.slice(-keptAtEnd)
      }
    },
    take(step) {
      const log = logs.get(step)
      logs.delete(step)
      if (log === undefined) return []
      const dropped = log.dropped + Math.max(0, log.end.length - keptAtEnd)
      const gap = dropped === 0 ? [] : [`… ${dropped} lines left out …`]
      return [...log.start, ...gap, ...log.end.slice(-keptAtEnd)]
    },
    open: () => [...logs.keys()],
  }
}
