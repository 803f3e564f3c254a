import { usageError } from '../../model/index.ts'
import { type Command, type CommandResult, type Invocation, textOption } from '../command.ts'

export const agent: Command = {
  name: 'agent',
  summary: 'Supervise services on this host, or bring the agent to another (fleet target)',
  detail:
    'Started by itself where a delivery needs it. Ending it leaves services running and served. `agent bootstrap <host>` copies what a host over SSH lacks (Node, the agent) and upgrades the agent in place; the first deployment does so, too.',
  arguments: [
    { name: 'action', summary: '`bootstrap`; without it the agent of this host runs here', isOptional: true },
    {
      name: 'host',
      summary: 'as in `hosts:`, such as ssh://deploy@web1:22',
      isOptional: true,
    },
  ],
  options: [{ flags: '--directory <folder>', summary: "the fleet's folder (default: under TRUNKLINE_HOME)" }],
  async run(invocation) {
    const [action, host] = invocation.arguments
    if (action === undefined) return superviseHere(invocation)
    if (action !== 'bootstrap' || host === undefined) {
      throw usageError('BAD_ARGUMENT', `the agent has no action ${JSON.stringify([action, host].join(' ').trim())}`, {
        hint: 'trunkline agent bootstrap <host>',
      })
    }
    return bootstrap(invocation, host)
  },
}

async function superviseHere(invocation: Invocation): Promise<CommandResult> {
  const [{ runAgent }, { homeAt }] = await Promise.all([
    import('../../targets/fleet/agent/run-agent.ts'),
    import('../../home/index.ts'),
  ])
  const fleet = textOption(invocation, 'directory') ?? homeAt(invocation.io.environment).fleet
  await runAgent({ fleet, signal: invocation.signal })
  return { exitCode: 0, document: { ended: true } }
}

async function bootstrap({ signal }: Invocation, name: string): Promise<CommandResult> {
  const [{ sshHost }, { bootstrapAgent }] = await Promise.all([
    import('../../targets/fleet/open-hosts.ts'),
    import('../../targets/fleet/ssh/ssh-link.ts'),
  ])
  const host = sshHost(name)
  if (host === null) {
    throw usageError('INVALID_HOST', 'this machine needs no bootstrap: its agent is started by itself')
  }
  const { report, agent } = await bootstrapAgent(host, signal)
  const { facts, runtime, program, sentBytes } = report
  const { version, pid } = agent
  return {
    exitCode: 0,
    document: {
      host: name,
      system: facts.system,
      machine: facts.machine,
      runtime,
      program,
      sentBytes,
      agent: { version, pid },
    },
    lines: [
      `${name}: ${facts.system} ${facts.machine}, ${(facts.freeBytes / 1024 ** 3).toFixed(1)} GiB free`,
      `Node ${process.versions.node}: ${words[runtime]}`,
      `Trunkline ${version}: ${words[program]}${sentBytes > 0 ? ` (${(sentBytes / 1024 ** 2).toFixed(1)} MiB sent in all)` : ''}`,
      `agent ${version} runs (pid ${pid})`,
    ],
  }
}

const words = {
  there: 'there already',
  copied: 'copied',
  linked: "the host's own is used",
} as const
