/** Which port a service gets that asked for none in particular. */
import { createHash } from 'node:crypto'

/**
 * Below the ports that the agent gives to instances (from 20000) and those that systems take for outgoing connections
 * (from 32768): one of those could be in the way when the router comes back.
 */
const firstPort = 16_000
const portCount = 4000
const maxTries = 500

/** Ports to try, in order. They begin at one that the key decides, so that a lost state file rarely moves a service. */
export function* portsFor(key: string, isReserved: (port: number) => boolean): Generator<number> {
  const start = createHash('sha256').update(key).digest().readUInt32BE(0) % portCount
  for (let step = 0; step < maxTries; step++) {
    const port = firstPort + ((start + step) % portCount)
    if (!isReserved(port)) yield port
  }
}
