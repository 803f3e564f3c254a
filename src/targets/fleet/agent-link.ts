/**
 * The way to the agent of one host: starts it where it must, and carries on when it was killed or replaced meanwhile.
 * For a remote host another connection stands behind the same type.
 */
import { cancelledError, erroredError, TrunklineError } from '../../model/index.ts'
import type { AgentClient } from './agent/client.ts'
import { ensureLocalAgent, type LocalAgentOptions } from './local-agent.ts'

export type AgentLink = {
  /**
   * Does something with a running agent. When the agent is lost on the way it is started again and `work` runs anew:
   * it must look before it acts.
   */
  withAgent<T>(work: (agent: AgentClient) => Promise<T>, signal: AbortSignal): Promise<T>
}

/** An agent that is lost this often in one piece of work is not coming back. */
const maxLosses = 5

/** Agents that this process is just starting, or asking whether they run, by their folder. */
const connecting = new Map<string, Promise<AgentClient>>()

/**
 * Many services of many environments roll out at once: one agent is started for all of them, whoever of them is
 * cancelled. Bounded by its own time-out.
 */
function connect(options: LocalAgentOptions): Promise<AgentClient> {
  const { paths, version, command } = options
  const key = JSON.stringify([paths.root, version, command])
  const known = connecting.get(key)
  if (known !== undefined) return known
  const begun = ensureLocalAgent(options, new AbortController().signal).finally(() => connecting.delete(key))
  connecting.set(key, begun)
  return begun
}

export function localAgentLink(options: LocalAgentOptions): AgentLink {
  return {
    async withAgent(work, signal) {
      for (let losses = 0; ; losses++) {
        if (signal.aborted) throw cancelledError()
        const agent = await connect(options)
        try {
          return await work(agent)
        } catch (error) {
          if (!isLoss(error) || losses >= maxLosses) throw error
        }
      }
    },
  }
}

const isLoss = (error: unknown): boolean => error instanceof TrunklineError && error.code === 'AGENT_UNREACHABLE'

/** The link for a configured host. Errored `NOT_AVAILABLE` for hosts this version cannot reach. */
export function agentLinkFor(host: string, local: LocalAgentOptions): AgentLink {
  if (host === 'local') return localAgentLink(local)
  throw erroredError(
    'NOT_AVAILABLE',
    `the fleet host ${host} cannot be reached: hosts over SSH are not available yet`,
    {
      hint: 'Use `hosts: [local]`.',
    },
  )
}
