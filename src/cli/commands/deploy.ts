import { type Command, requiredArgument } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const deploy: Command = {
  name: 'deploy',
  summary: 'Deploy a commit to an environment, past its routes but not past its gates',
  arguments: [
    { name: 'env', summary: 'the environment', completes: 'environment' },
    { name: 'rev', summary: 'a commit, branch or tag (default: HEAD)', isOptional: true, completes: 'ref' },
  ],
  run: (invocation) =>
    runDelivery(invocation, { title: `Deploying to ${requiredArgument(invocation, 0)}` }, async (context) => {
      const environment = requiredArgument(invocation, 0)
      const { commit, ref } = await context.revision(invocation.arguments[1] ?? 'HEAD')
      const engine = await context.engine(commit)
      const { deployRevision } = await import('../../delivery/index.ts')
      return await deployRevision(engine, { environment, commit, ref, signal: invocation.signal })
    }),
}
