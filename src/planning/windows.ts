/** Pure: when an environment's windows are open. Cron expressions are evaluated in the window's own time zone. */
import { Cron } from 'croner'
import type { DeploymentWindow } from '../model/index.ts'

export type WindowState = { open: true; closesAtMs: number } | { open: false; opensAtMs: number | null }

/** Starts looked at per window: a window that repeats more often than this within its own duration is always open. */
const maxStarts = 2

/** No windows: always open. `nowMs` is ms since the epoch. */
export function windowsAt(windows: readonly DeploymentWindow[], nowMs: number): WindowState {
  if (windows.length === 0) return { open: true, closesAtMs: Number.POSITIVE_INFINITY }
  let opensAtMs: number | null = null
  let closesAtMs: number | null = null
  for (const window of windows) {
    const cron = new Cron(window.cron, { timezone: window.timezone, paused: true })
    // The last start at or before now: the first one after (now - duration) that is not in the future.
    const starts = cron.nextRuns(maxStarts, new Date(nowMs - window.durationMs))
    const current = starts.find((start) => start.getTime() <= nowMs)
    if (current !== undefined) {
      closesAtMs = Math.max(closesAtMs ?? 0, current.getTime() + window.durationMs)
      continue
    }
    const next = starts.find((start) => start.getTime() > nowMs)?.getTime() ?? cron.nextRun(new Date(nowMs))?.getTime()
    if (next !== undefined) opensAtMs = Math.min(opensAtMs ?? Number.POSITIVE_INFINITY, next)
  }
  return closesAtMs === null ? { open: false, opensAtMs } : { open: true, closesAtMs }
}
