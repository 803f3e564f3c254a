/** Figures for people: durations, times, counts, sizes. Pure; `now` is an argument. */

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** `0.4 s`, `12 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`. */
export function formatDuration(durationMs: number): string {
  const tenths = Math.round(Math.max(0, durationMs) / 100)
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`
  return formatWholeSeconds(durationMs)
}

/** As `formatDuration` in whole seconds: for clocks that run while one looks. */
export function formatElapsed(durationMs: number): string {
  return formatWholeSeconds(Math.floor(Math.max(0, durationMs) / secondMs) * secondMs)
}

function formatWholeSeconds(durationMs: number): string {
  const seconds = Math.round(durationMs / secondMs)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return pair(hours, 'h', minutes % 60, 'min')
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`

/** `just now`, `5 min ago`, `in 3 h`, `2 days ago`; beyond eight weeks the date. `at` is ISO 8601; not a time: as it stands. */
export function formatRelative(at: string, nowMs: number): string {
  const time = Date.parse(at)
  if (Number.isNaN(time)) return at
  const distance = Math.abs(nowMs - time)
  if (distance < 5 * secondMs) return 'just now'
  if (distance >= 56 * dayMs) return new Date(time).toISOString().slice(0, 10)
  const amount = coarse(distance)
  return time <= nowMs ? `${amount} ago` : `in ${amount}`
}

function coarse(distanceMs: number): string {
  if (distanceMs < minuteMs) return `${Math.floor(distanceMs / secondMs)} s`
  if (distanceMs < hourMs) return `${Math.floor(distanceMs / minuteMs)} min`
  if (distanceMs < dayMs) return `${Math.floor(distanceMs / hourMs)} h`
  if (distanceMs < 14 * dayMs) return count(Math.floor(distanceMs / dayMs), 'day')
  return count(Math.floor(distanceMs / (7 * dayMs)), 'week')
}

/** `1 service`, `3 services`. */
export const count = (amount: number, singular: string, plural = `${singular}s`): string =>
  `${amount} ${amount === 1 ? singular : plural}`

const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Decimal units: `512 B`, `4.2 MB`. */
export function formatBytes(sizeBytes: number): string {
  let size = sizeBytes
  let unit = 0
  // 999.5 would be shown as 1000.
  while (size >= (unit === 0 ? 1000 : 999.5) && unit < sizeUnits.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : size.toFixed(1)} ${sizeUnits[unit]}`
}

/** `14:03:59`, UTC: the same on every CI machine. */
export const formatClockTime = (nowMs: number): string => new Date(nowMs).toISOString().slice(11, 19)
