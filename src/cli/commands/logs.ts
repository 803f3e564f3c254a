import type { EnvironmentPolicy } from '../../model/index.ts'
import { usageError } from '../../model/index.ts'
import type { LogLine } from '../../ports/index.ts'
import { type Command, flagOption, type Invocation, lineCountOption, requiredArgument } from '../command.ts'
import { write } from '../output.ts'
import { type DecisionPlace, runDecision } from '../run-decision.ts'

export const logs: Command = {
  name: 'logs',
  summary: 'Output of a service in an environment',
  detail: 'With --follow, --json prints one JSON document a line.',
  arguments: [
    { name: 'env', summary: 'the environment', completes: 'environment' },
    { name: 'service', summary: 'the service', completes: 'service' },
  ],
  options: [
    { flags: '-n, --lines <count>', summary: 'how many lines back', default: '100' },
    { flags: '-f, --follow', summary: 'go on as it prints more, until Ctrl-C' },
  ],
  run: (invocation) =>
    runDecision(invocation, async (place) => {
      const { requirePolicy } = await import('../../delivery/index.ts')
      const policy = requirePolicy(place.scene.project, requiredArgument(invocation, 0))
      const service = requiredArgument(invocation, 1)
      const lines = lineCountOption(invocation)
      const follow = flagOption(invocation, 'follow')
      const target = await targetRunning(place, policy, service, invocation.signal)
      const output = target.logs({ service, lines, follow }, invocation.signal)
      const { sanitizeTerminal } = await import('../../masking/index.ts')
      const { disarm, disarmJson } = await import('../view/progress/ci.ts')
      // A `\r` would begin a line that seems to be another instance's.
      const shown = ({ instance, text }: LogLine) =>
        sanitizeTerminal(text)
          .split('\n')
          .map((part) => disarm(`${instance}  ${part}`))
          .join('\n')
      if (follow) {
        await printAsItComes(invocation, output, (line) =>
          invocation.json ? disarmJson(JSON.stringify(line)) : shown(line),
        )
        return { lines: [] }
      }
      const kept: LogLine[] = []
      for await (const line of output) kept.push(line)
      return { document: { lines: kept }, lines: kept.map(shown) }
    }),
}

/** Where the service runs, or would run. */
async function targetRunning(
  { engine, scene }: DecisionPlace,
  policy: EnvironmentPolicy,
  service: string,
  signal: AbortSignal,
) {
  const { state } = await engine.ledger.environment(await engine.ledger.refresh(signal), policy.name)
  const running = state.running?.services ?? {}
  const found = Object.hasOwn(running, service) ? running[service] : undefined
  if (found === undefined && !Object.hasOwn(scene.project.services, service)) {
    throw usageError('UNKNOWN_SERVICE', `no service ${service} runs in ${policy.name}`, {
      hint: `running there: ${Object.keys(running).join(', ') || 'nothing'}`,
    })
  }
  const { targetOf } = await import('../../planning/placement.ts')
  return await engine.world.target(policy, found?.target ?? targetOf(policy, null))
}

/** Until the output ends, its reader goes, or somebody presses Ctrl-C: that is how following ends well. */
async function printAsItComes(
  { io: { stdout }, signal }: Invocation,
  output: AsyncIterable<LogLine>,
  shown: (line: LogLine) => string,
): Promise<void> {
  try {
    for await (const line of output) if (!(await write(stdout, `${shown(line)}\n`))) return
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
