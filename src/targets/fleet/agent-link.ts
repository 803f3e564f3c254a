/**
 * The way to the agent of one host: starts it where it must, and carries on when it was killed or replaced meanwhile.
 * For a remote host another connection stands behind the same type.
 */
import { existsSync } from 'node:fs'
import { cancelledError, TrunklineError } from '../../model/index.ts'
import type { AgentClient } from './agent/client.ts'
import { ensureLocalAgent, type LocalAgentOptions } from './local-agent.ts'

export type AgentLink = {
  /**
   * Does something with a running agent. When the agent is lost on the way it is started again and `work` runs anew:
   * it must look before it acts.
   */
  withAgent<T>(work: (agent: AgentClient) => Promise<T>, signal: AbortSignal): Promise<T>
  /** As `withAgent`, but looking at a host where nothing ever ran starts nothing there: null. */
  askAgent<T>(work: (agent: AgentClient) => Promise<T>, signal: AbortSignal): Promise<T | null>
}

/** An agent that is lost this often in one piece of work is not coming back. */
const maxLosses = 15

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
  const withAgent: AgentLink['withAgent'] = (work, signal) => workThroughLosses(() => connect(options), work, signal)
  return {
    withAgent,
    askAgent: async (work, signal) => (existsSync(options.paths.services) ? withAgent(work, signal) : null),
  }
}

/** Connects and works, again and again where the agent is lost on the way, up to a bound. */
export async function workThroughLosses<Agent, T>(
  connectAgent: () => Promise<Agent>,
  work: (agent: Agent) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let losses = 0; ; losses++) {
    if (signal.aborted) throw cancelledError()
    try {
      return await work(await connectAgent())
    } catch (error) {
      if (!isLoss(error) || losses >= maxLosses) throw error
    }
  }
}

const isLoss = (error: unknown): boolean => error instanceof TrunklineError && error.code === 'AGENT_UNREACHABLE'
