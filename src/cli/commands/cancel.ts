import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const cancel: Command = {
  name: 'cancel',
  summary: 'Stop the deployment under way, and take what waits out of the queue',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const environment = requiredArgument(invocation, 0)
      const { cancelDeployment } = await import('../../delivery/index.ts')
      const done = await cancelDeployment(engine, scene, environment, invocation.signal)
      return { document: { environment, cancelled: done }, lines: done }
    }),
}
