import { type Command, flagOption } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const check: Command = {
  name: 'check',
  summary: 'Run the checks of what changed, build nothing (for pull requests)',
  arguments: [{ name: 'rev', summary: 'a commit, branch or tag (default: HEAD)', isOptional: true, completes: 'ref' }],
  options: [{ flags: '--recheck', summary: 'try checks again that are red on record' }],
  run: (invocation) =>
    runDelivery(invocation, { title: 'Checking' }, async (context) => {
      const { commit } = await context.revision(invocation.arguments[0] ?? 'HEAD')
      const engine = await context.engine(commit)
      const { checkCommit } = await import('../../delivery/index.ts')
      const recheck = flagOption(invocation, 'recheck')
      const answer = await checkCommit(engine, commit, { recheck, signal: invocation.signal })
      return { ...answer, release: null, environments: [] }
    }),
}
