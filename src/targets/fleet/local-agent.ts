/** Makes sure that an agent of this version runs on this host. Replacing or restarting it touches no service. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { erroredError, TrunklineError } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'
import { programCommand, programEnvironment, programVersion } from '../../program/index.ts'
import { type AgentClient, createAgentClient, localConnection } from './agent/client.ts'
import { type FleetPaths, makeFleetFolders, refuseForeignFolder } from './agent/fleet-paths.ts'
import { baseEnvironmentOf } from './agent/host.ts'
import { type AgentDescription, agentProtocol } from './agent/protocol.ts'
import { isOlder } from './version.ts'

export type LocalAgentOptions = {
  paths: FleetPaths
  clock: Clock
  /** Program and arguments that run `runAgent` for this fleet folder; default: this Node with `agent/start.ts`. */
  command?: readonly [string, ...string[]]
  version?: string
  /** An agent of the same version from another folder is replaced, too: an upgrade asked for by name. */
  program?: string
}

const startTimeoutMs = 20_000
const pollMs = 50
/** An agent that does not come up is started again: the first may have lost to one that was just ending. */
const restartAfterMs = 5000

export const defaultAgentCommand = (paths: FleetPaths): [string, ...string[]] => programCommand('agent', paths.root)

/** The client of a running agent of this version. Errored `AGENT_START`, `AGENT_NEWER`. */
export async function ensureLocalAgent(options: LocalAgentOptions, signal: AbortSignal): Promise<AgentClient> {
  const { paths, clock } = options
  refuseForeignFolder(paths)
  const version = options.version ?? programVersion
  const client = createAgentClient(localConnection(paths.socket))
  const deadlineMs = clock.monotonicMs() + startTimeoutMs
  let startedMs = Number.NEGATIVE_INFINITY
  for (;;) {
    const found = await describe(client, signal)
    if (found !== null) {
      if (!shouldReplace(found, version, options.program)) return client
      await client.call('shutdown', { services: 'keep' }, signal)
    } else if (clock.monotonicMs() - startedMs > restartAfterMs) {
      startDetached(options)
      startedMs = clock.monotonicMs()
    }
    if (clock.monotonicMs() > deadlineMs) {
      throw erroredError('AGENT_START', 'the fleet agent on this host did not start', {
        hint: `Its log is ${paths.log}.`,
      })
    }
    await clock.sleep(pollMs, signal)
  }
}

/** What runs there; null where none answers. */
async function describe(client: AgentClient, signal: AbortSignal): Promise<AgentDescription | null> {
  try {
    return await client.call('describe', {}, signal)
  } catch (error) {
    if (error instanceof TrunklineError && error.code === 'AGENT_UNREACHABLE') return null
    throw error
  }
}

function shouldReplace(found: AgentDescription, version: string, program: string | undefined): boolean {
  if (found.protocol > agentProtocol) {
    throw erroredError('AGENT_NEWER', `the fleet agent on this host is of a newer Trunkline (${found.version})`, {
      hint: 'Use that version, or a newer one.',
    })
  }
  if (found.protocol < agentProtocol || isOlder(found.version, version)) return true
  return program !== undefined && found.program !== program && !isOlder(version, found.version)
}

/** In a session of its own, with nothing of this process's environment but the allow-listed part. */
function startDetached({ paths, command }: LocalAgentOptions): void {
  makeFleetFolders(paths)
  const [program, ...parameters] = command ?? defaultAgentCommand(paths)
  const log = openSync(paths.log, 'a', 0o600)
  try {
    const child = spawn(program, parameters, {
      cwd: paths.root,
      env: { ...baseEnvironmentOf(process.env), ...programEnvironment() },
      stdio: ['ignore', log, log],
      detached: true,
    })
    // A program that cannot be started shows as an agent that does not answer.
    child.once('error', () => {})
    child.unref()
  } finally {
    closeSync(log)
  }
}
