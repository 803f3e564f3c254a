/** One JSON line an event on standard output. Never give it card numbers or keys. */
export type Logger = {
  info(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export type LogFields = Record<string, string | number | boolean | null | undefined>

export function createLogger(
  service: string,
  write: (line: string) => unknown = (line) => process.stdout.write(line),
): Logger {
  const log = (level: string, message: string, fields: LogFields = {}) => {
    write(`${JSON.stringify({ at: new Date().toISOString(), level, service, message, ...fields })}\n`)
  }
  return {
    info: (message, fields) => log('info', message, fields),
    error: (message, fields) => log('error', message, fields),
  }
}

/** What to log of something thrown. */
export const errorText = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
