/** Ending things for good: for the demo, for tests, and for who gives a host back. */
import { existsSync } from 'node:fs'
import type { Home } from '../../home/index.ts'
import type { Clock } from '../../ports/index.ts'
import { fleetPathsAt } from './agent/fleet-paths.ts'
import { localAgentLink } from './agent-link.ts'

export type FleetAdministration = { home: Home; clock: Clock; agentCommand?: readonly [string, ...string[]] }

/** Stops and forgets all services and jobs of a project on this host. Nothing there: nothing happens. */
export async function removeFleetProject(
  fleet: FleetAdministration,
  project: string,
  signal: AbortSignal,
): Promise<void> {
  await onAgent(fleet, signal, (link) =>
    link.withAgent((agent) => agent.call('removeProject', { project }, signal), signal),
  )
}

/** Ends the agent of this host; with `stop` also every instance, every job and the router. */
export async function shutDownFleet(
  fleet: FleetAdministration,
  services: 'keep' | 'stop',
  signal: AbortSignal,
): Promise<void> {
  await onAgent(fleet, signal, (link) =>
    link.withAgent((agent) => agent.call('shutdown', { services }, signal), signal),
  )
}

/** An agent that is not running is started for it: only an agent knows what there is to end. */
async function onAgent(
  { home, clock, agentCommand }: FleetAdministration,
  signal: AbortSignal,
  work: (link: ReturnType<typeof localAgentLink>) => Promise<unknown>,
): Promise<void> {
  const paths = fleetPathsAt(home.fleet)
  signal.throwIfAborted()
  if (!existsSync(paths.services)) return
  await work(localAgentLink({ paths, clock, ...(agentCommand ? { command: agentCommand } : {}) }))
}
