import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const diff: Command = {
  name: 'diff',
  summary: 'What differs between an environment and another, or a commit',
  arguments: [
    { name: 'env', summary: 'the environment', completes: 'environment' },
    { name: 'env|rev', summary: 'another environment, or a commit, branch or tag', completes: 'environment' },
  ],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene, context }) => {
      const [one, other] = [requiredArgument(invocation, 0), requiredArgument(invocation, 1)]
      const { requirePolicy } = await import('../../delivery/index.ts')
      requirePolicy(scene.project, one)
      const { commitSide, differenceBetween, environmentSide } = await import('../../reporting/index.ts')
      const from = await environmentSide(engine, one, invocation.signal)
      const to = Object.hasOwn(scene.project.environments, other)
        ? await environmentSide(engine, other, invocation.signal)
        : await commitSide(engine, (await context.revision(other)).commit, invocation.signal)
      const document = await differenceBetween(engine, from, to)
      const { renderDiff } = await import('../view/index.ts')
      return { document, lines: renderDiff(document, invocation.style) }
    }),
}
