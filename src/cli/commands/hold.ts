import { type Command, requiredArgument, textOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const hold: Command = {
  name: 'hold',
  summary: 'Let an environment take no deployment until resumed',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  options: [{ flags: '-m, --reason <text>', summary: 'why, for everyone who asks' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const environment = requiredArgument(invocation, 0)
      const { hold: holdEnvironment } = await import('../../delivery/index.ts')
      await holdEnvironment(engine, scene, environment, textOption(invocation, 'reason') ?? '', invocation.signal)
      return {
        document: { environment, held: true },
        lines: [`${environment} is held. It goes on with: trunkline resume ${environment}`],
      }
    }),
}
