/** The hosts that a fleet's configuration names, with the way to each. Contacts none. */
import type { Home } from '../../home/index.ts'
import { parseHostAddress, usageError } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'
import { fleetPathsAt } from './agent/fleet-paths.ts'
import { type AgentLink, localAgentLink } from './agent-link.ts'
import type { FleetHost } from './fleet-host.ts'
import type { SshHost } from './ssh/run-over-ssh.ts'
import type { SshOptions } from './ssh/ssh-command.ts'

export type HostSurroundings = {
  home: Home
  clock: Clock
  /** Program and arguments that run the agent on this machine; default: this Node with the agent's source. */
  agentCommand?: readonly [string, ...string[]]
  /** Of this controller: an older agent on this machine is replaced. */
  version?: string
  /** In place of what `TRUNKLINE_SSH_CONFIG` and our own measure say. */
  ssh?: Partial<SshOptions>
}

export function openHosts(names: readonly string[], surroundings: HostSurroundings): [FleetHost, ...FleetHost[]] {
  const [first = 'local', ...others] = names
  const open = (name: string): FleetHost => ({
    name,
    prefix: others.length > 0 ? `${name}: ` : '',
    link: linkFor(name, surroundings),
    publicName: (signal) => publicNameOf(name, surroundings, signal),
  })
  return [open(first), ...others.map(open)]
}

function linkFor(name: string, surroundings: HostSurroundings): AgentLink {
  const { home, clock, agentCommand, version } = surroundings
  const ssh = sshHost(name, surroundings)
  if (ssh !== null) return sshLinkFor(ssh)
  return localAgentLink({
    paths: fleetPathsAt(home.fleet),
    clock,
    ...(agentCommand ? { command: agentCommand } : {}),
    ...(version ? { version } : {}),
  })
}

/** Loaded when it is first used: a fleet on this machine needs none of it. */
function sshLinkFor(host: SshHost): AgentLink {
  const open = async () => (await import('./ssh/ssh-link.ts')).sshAgentLink(host)
  return {
    withAgent: async (work, signal) => (await open()).withAgent(work, signal),
    askAgent: async (work, signal) => (await open()).askAgent(work, signal),
  }
}

/** By what name people reach what listens on every address of a host. */
async function publicNameOf(name: string, surroundings: HostSurroundings, signal: AbortSignal): Promise<string> {
  const ssh = sshHost(name, surroundings)
  return ssh === null ? '127.0.0.1' : (await import('./ssh/resolve-host.ts')).hostNameOf(ssh, signal)
}

const connectTimeoutSeconds = 10
/** A silence of three times this is a lost connection. */
const aliveIntervalSeconds = 4

/** How a configured host is reached over SSH; null for this machine. Usage error `INVALID_HOST`. */
export function sshHost(name: string, { ssh }: Pick<HostSurroundings, 'ssh'> = {}): SshHost | null {
  const address = parseHostAddress(name)
  if ('problem' in address) {
    const hint = address.hint === undefined ? {} : { hint: address.hint }
    throw usageError('INVALID_HOST', `the host ${JSON.stringify(name)} ${address.problem}`, hint)
  }
  if (address.kind === 'local') return null
  const configFile = process.env['TRUNKLINE_SSH_CONFIG'] || null
  return { name, address, options: { configFile, connectTimeoutSeconds, aliveIntervalSeconds, ...ssh } }
}
