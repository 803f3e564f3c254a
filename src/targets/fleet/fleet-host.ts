/** The hosts of a fleet, and what is done on all of them at once. */
import { type Reason, TrunklineError, type Verdict } from '../../model/index.ts'
import type { AgentLink } from './agent-link.ts'

export type FleetHost = {
  /** As the configuration names it. */
  name: string
  /** `web1: ` in front of what the host says; empty where it is the only one. */
  prefix: string
  link: AgentLink
  /** The name under which others reach what listens on all of its addresses. */
  publicName(signal: AbortSignal): Promise<string>
}

/** More hosts than this at a time only share one network. */
const hostsAtOnce = 8

/**
 * Does something on every host, several at a time. Waits for all of them, then throws what the first host of the list
 * threw, with its name.
 */
export async function onEachHost<Host extends FleetHost, T>(
  hosts: readonly Host[],
  work: (host: Host) => Promise<T>,
): Promise<T[]> {
  const ends = new Map<Host, PromiseSettledResult<T>>()
  const waiting = hosts.values()
  const takeTurns = async (): Promise<void> => {
    for (const host of waiting) {
      const [end] = await Promise.allSettled([onHost(host, work)])
      ends.set(host, end)
    }
  }
  await Promise.all(Array.from({ length: Math.min(hostsAtOnce, hosts.length) }, takeTurns))
  return hosts.map((host) => {
    const end = ends.get(host)
    if (end?.status !== 'fulfilled') throw end?.reason
    return end.value
  })
}

/** Where there are several hosts, an error says at which it happened. */
export async function onHost<Host extends FleetHost, T>(host: Host, work: (host: Host) => Promise<T>): Promise<T> {
  try {
    return await work(host)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind === 'cancelled' || error.message.startsWith(host.prefix))
      throw error
    const { kind, code, message, hint } = error
    const detail = { cause: error, ...(hint === undefined ? {} : { hint }) }
    throw new TrunklineError(kind, code, `${host.prefix}${message}`, detail)
  }
}

/** What a host says, with its name. */
export const saidBy = ({ prefix }: FleetHost, reasons: readonly Reason[]): Reason[] =>
  reasons.map((each) => ({ ...each, message: `${prefix}${each.message}` }))

/** One verdict over several hosts: good where each is, else every reason with its host. */
export function joinVerdicts(hosts: readonly FleetHost[], verdicts: readonly Verdict[]): Verdict {
  const reasons: Reason[] = []
  const logTail: string[] = []
  for (const [index, host] of hosts.entries()) {
    const verdict = verdicts[index]
    if (verdict === undefined || verdict.ok) continue
    reasons.push(...saidBy(host, verdict.reasons))
    logTail.push(...(verdict.logTail ?? []).map((line) => `${host.prefix}${line}`))
  }
  if (reasons.length === 0) return { ok: true }
  return { ok: false, reasons, ...(logTail.length > 0 ? { logTail } : {}) }
}
