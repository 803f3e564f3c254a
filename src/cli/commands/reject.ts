import { type Command, requiredArgument, textOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const reject: Command = {
  name: 'reject',
  summary: 'Turn down what waits',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  options: [{ flags: '-m, --reason <text>', summary: 'why' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const environment = requiredArgument(invocation, 0)
      const { reject: rejectWaiting } = await import('../../delivery/index.ts')
      const why = textOption(invocation, 'reason') ?? `${engine.world.actor.name} turned it down`
      await rejectWaiting(engine, scene, environment, why, invocation.signal)
      return { document: { environment, rejected: true }, lines: [`what waited for ${environment} is turned down`] }
    }),
}
