import { type Command, textOption } from '../command.ts'

export const agent: Command = {
  name: 'agent',
  summary: 'Supervise services on this host (fleet target)',
  detail: 'Started by itself where a delivery needs it. Ending it leaves services running and served.',
  options: [{ flags: '--directory <folder>', summary: "the fleet's folder (default: under TRUNKLINE_HOME)" }],
  async run(invocation) {
    const [{ runAgent }, { homeAt }] = await Promise.all([
      import('../../targets/fleet/agent/run-agent.ts'),
      import('../../home/index.ts'),
    ])
    const fleet = textOption(invocation, 'directory') ?? homeAt(invocation.io.environment).fleet
    await runAgent({ fleet, signal: invocation.signal })
    return { exitCode: 0, document: { ended: true } }
  },
}
