import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { erroredError } from '../../../model/index.ts'
import type { Clock, Random } from '../../../ports/index.ts'
import type { FleetPaths } from './fleet-paths.ts'

/** What everything in the agent needs of the machine it runs on. */
export type Host = {
  paths: FleetPaths
  clock: Clock
  random: Random
  /** Environment every process gets: `PATH`, `HOME`, `LANG`. Nothing in it varies by commit or release. */
  baseEnvironment: Record<string, string>
  /** One line for the agent's own log. Never a secret. */
  log(message: string): void
}

/**
 * The allow-listed part of an environment. The folder of our own Node closes `PATH`: a machine with no other Node still
 * runs `node …`, and one with its own uses that.
 */
export function baseEnvironmentOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  const folders = (environment['PATH'] || '/usr/local/bin:/usr/bin:/bin').split(':')
  return {
    PATH: [...new Set([...folders, dirname(process.execPath)])].join(':'),
    ...(environment['HOME'] ? { HOME: environment['HOME'] } : {}),
    LANG: environment['LANG'] || 'C.UTF-8',
  }
}

/** Below the range from which Linux and macOS take ports for outgoing connections, which could be in the way later. */
const firstPort = 20_000
const portCount = 12_000
const maxTries = 200

/** A port nobody listens on and nobody here was given. Errored `NO_FREE_PORT`. */
export async function choosePort(taken: ReadonlySet<number>, random: Random): Promise<number> {
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const port = firstPort + Math.floor(random.fraction() * portCount)
    if (!taken.has(port) && (await isPortFree(port))) return port
  }
  throw erroredError('NO_FREE_PORT', `no free port found between ${firstPort} and ${firstPort + portCount}`)
}

/** Whether an instance could listen there, on any address. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0'))
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
