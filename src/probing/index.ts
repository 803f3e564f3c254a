/** Asks a running service over HTTP whether it answers as it should. */
export { createHttpProbe } from './http-probe.ts'
