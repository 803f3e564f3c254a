/** The hosts that a fleet's configuration names, with the way to each. Contacts none. */
import type { Home } from '../../home/index.ts'
import { erroredError } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'
import { fleetPathsAt } from './agent/fleet-paths.ts'
import { type AgentLink, localAgentLink } from './agent-link.ts'
import type { FleetHost } from './fleet-host.ts'

export type HostSurroundings = {
  home: Home
  clock: Clock
  /** Program and arguments that run the agent on this machine; default: this Node with the agent's source. */
  agentCommand?: readonly [string, ...string[]]
  /** Of this controller: an older agent is replaced. */
  version?: string
}

export function openHosts(names: readonly string[], surroundings: HostSurroundings): [FleetHost, ...FleetHost[]] {
  const [first = 'local', ...others] = names
  const open = (name: string): FleetHost => ({
    name,
    prefix: others.length > 0 ? `${name}: ` : '',
    link: linkFor(name, surroundings),
  })
  return [open(first), ...others.map(open)]
}

function linkFor(host: string, { home, clock, agentCommand, version }: HostSurroundings): AgentLink {
  if (host === 'local') {
    return localAgentLink({
      paths: fleetPathsAt(home.fleet),
      clock,
      ...(agentCommand ? { command: agentCommand } : {}),
      ...(version ? { version } : {}),
    })
  }
  throw erroredError(
    'NOT_AVAILABLE',
    `the fleet host ${host} cannot be reached: hosts over SSH are not available yet`,
    {
      hint: 'Use `hosts: [local]`.',
    },
  )
}
