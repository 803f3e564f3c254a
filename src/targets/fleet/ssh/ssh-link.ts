/** The way to the agent of a host over SSH. One channel a host serves all of this process; what is missing there is brought. */
import { cancelledError, erroredError } from '../../../model/index.ts'
import { type AgentClient, createAgentClient } from '../agent/client.ts'
import type { AgentDescription } from '../agent/protocol.ts'
import { type AgentLink, workThroughLosses } from '../agent-link.ts'
import { type BootstrapReport, bootstrapHost } from './bootstrap.ts'
import type { SshHost } from './run-over-ssh.ts'
import { openChannel, type SshChannel } from './ssh-channel.ts'

/** Channels of this process, open or opening, by how they are reached. */
const channels = new Map<string, Promise<SshChannel | null>>()

/** A connection that ends this often as soon as it stands is of no use. */
const maxOpenings = 5

export function sshAgentLink(host: SshHost): AgentLink {
  const connect = async (signal: AbortSignal): Promise<AgentClient> => {
    const channel = await channelTo(host, 'bring', signal)
    if (channel === null) throw new Error('what is missing was to be brought')
    await channel.ensureAgent('ensure', signal)
    return createAgentClient({ label: `the agent on ${host.name}`, open: () => channel.open() })
  }
  const hasEverRun = async (signal: AbortSignal): Promise<boolean> => {
    const channel = await channelTo(host, 'ask', signal)
    return channel !== null && (await channel.ensureAgent('ask', signal)) !== null
  }
  return {
    withAgent: (work, signal) => workThroughLosses(() => connect(signal), work, signal),
    askAgent: (work, signal) =>
      workThroughLosses(
        async () => ((await hasEverRun(signal)) ? connect(signal) : null),
        async (agent) => (agent === null ? null : work(agent)),
        signal,
      ),
  }
}

/** Brings this program to a host and has its agent run it: `trunkline agent bootstrap`. Instances are not touched. */
export async function bootstrapAgent(
  host: SshHost,
  signal: AbortSignal,
): Promise<{ report: BootstrapReport; agent: AgentDescription }> {
  const report = await bootstrapHost(host, signal)
  const channel = await openChannel(host, signal)
  if ('missing' in channel) throw notThere(host)
  try {
    const agent = await channel.ensureAgent('replace', signal)
    if (agent === null) throw new Error('an agent that was to run runs')
    return { report, agent }
  } finally {
    channel.close()
  }
}

/**
 * The channel, opened by the first who needs it and shared by all, whoever of them is cancelled; bounded by its own
 * time-outs. `ask` brings nothing to a host where nothing ever ran: null.
 */
async function channelTo(host: SshHost, how: 'bring' | 'ask', signal: AbortSignal): Promise<SshChannel | null> {
  const key = JSON.stringify([host.address, host.options])
  for (let openings = 0; openings < maxOpenings; openings++) {
    const opening = channels.get(key) ?? openOrBootstrap(host, how)
    channels.set(key, opening)
    const channel = await unlessAborted(opening, signal).catch((error: unknown) => {
      // Who was cancelled leaves it to the others.
      if (!signal.aborted && channels.get(key) === opening) channels.delete(key)
      throw error
    })
    if (channel?.isOpen) return channel
    if (channels.get(key) === opening) channels.delete(key)
    if (channel === null && how === 'ask') return null
  }
  throw erroredError('HOST_UNREACHABLE', `the connection to ${host.name} ends as soon as it stands`)
}

async function openOrBootstrap(host: SshHost, how: 'bring' | 'ask'): Promise<SshChannel | null> {
  const { signal } = new AbortController()
  const first = await openChannel(host, signal)
  if (!('missing' in first)) return first
  if (how === 'ask' && first.missing === 'never') return null
  await bootstrapHost(host, signal)
  const second = await openChannel(host, signal)
  if ('missing' in second) throw notThere(host)
  return second
}

const notThere = ({ name }: SshHost) =>
  erroredError('HOST_BOOTSTRAP', `the program that was brought to ${name} is not there`, {
    hint: 'Is its folder cleaned by somebody else?',
  })

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelledError())
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
