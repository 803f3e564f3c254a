import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const where: Command = {
  name: 'where',
  summary: 'Where a commit has got to',
  arguments: [{ name: 'rev', summary: 'a commit, branch or tag', completes: 'ref' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene, context }) => {
      const { commit } = await context.revision(requiredArgument(invocation, 0))
      const { whereIs } = await import('../../reporting/index.ts')
      const document = await whereIs(engine, scene, commit, invocation.signal)
      const { renderWhere } = await import('../view/index.ts')
      return { document, lines: renderWhere(document, invocation.style, { nowMs: Date.now() }) }
    }),
}
