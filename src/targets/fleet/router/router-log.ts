import { destination, type Logger, pino } from 'pino'

/** Synchronous, so that nothing is lost at the end. Whoever read it may be gone: then nobody is told. */
export function openLog(): Logger {
  const output = destination({ fd: 2, sync: true })
  output.on('error', () => {})
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, output)
}
