import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const resume: Command = {
  name: 'resume',
  summary: 'Lift a hold; let routes deploy again what was rolled back from',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const environment = requiredArgument(invocation, 0)
      const { resume: resumeEnvironment } = await import('../../delivery/index.ts')
      await resumeEnvironment(engine, scene, environment, invocation.signal)
      return {
        document: { environment, held: false },
        lines: [`${environment} takes deployments again. What waits moves with: trunkline advance`],
      }
    }),
}
