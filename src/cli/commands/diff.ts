import { type Command, flagOption, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const diff: Command = {
  name: 'diff',
  summary: 'What differs between an environment and another, or a commit; changes by hand',
  arguments: [
    { name: 'env', summary: 'the environment', completes: 'environment' },
    {
      name: 'env|rev',
      summary: 'another environment, or a revision; none: changes by hand',
      isOptional: true,
      completes: 'environment',
    },
  ],
  options: [{ flags: '--check', summary: 'end with 1 where something was changed by hand: for a scheduled job' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene, context }) => {
      const one = requiredArgument(invocation, 0)
      const other = invocation.arguments[1]
      const { requirePolicy } = await import('../../delivery/index.ts')
      requirePolicy(scene.project, one)
      const { commitSide, differenceBetween, driftIn, environmentSide } = await import('../../reporting/index.ts')
      if (other === undefined) {
        const document = await driftIn(engine, scene, one, invocation.signal)
        const { renderDrift } = await import('../view/index.ts')
        const exitCode = flagOption(invocation, 'check') && document.drift.length > 0 ? 1 : 0
        return { document, lines: renderDrift(document, invocation.style), exitCode }
      }
      const from = await environmentSide(engine, one, invocation.signal)
      const to = Object.hasOwn(scene.project.environments, other)
        ? await environmentSide(engine, other, invocation.signal)
        : await commitSide(engine, (await context.revision(other)).commit, invocation.signal)
      const document = await differenceBetween(engine, from, to)
      const { renderDiff } = await import('../view/index.ts')
      return { document, lines: renderDiff(document, invocation.style) }
    }),
}
