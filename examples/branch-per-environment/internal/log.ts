/** One JSON line an event on standard output, which is where a cluster looks for it. */
export type Log = (level: 'debug' | 'info' | 'error', message: string, fields?: Record<string, unknown>) => void

const ranks = { debug: 0, info: 1, error: 2 }

/** Says nothing below `LOG_LEVEL`; default: `info`. */
export function createLog(service: string, write: (line: string) => void = (line) => process.stdout.write(line)): Log {
  const wanted = process.env['LOG_LEVEL'] ?? 'info'
  const least = Object.hasOwn(ranks, wanted) ? ranks[wanted as keyof typeof ranks] : ranks.info
  return (level, message, fields = {}) => {
    if (ranks[level] < least) return
    write(`${JSON.stringify({ at: new Date().toISOString(), level, service, message, ...fields })}\n`)
  }
}
