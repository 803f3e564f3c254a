import { type Command, flagOption, lineCountOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const log: Command = {
  name: 'log',
  summary: 'The history of an environment, or of all',
  arguments: [{ name: 'env', summary: 'only this environment', isOptional: true, completes: 'environment' }],
  options: [
    { flags: '-n, --lines <count>', summary: 'how many events', default: '30' },
    { flags: '-v, --verbose', summary: 'with every reason' },
  ],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const only = invocation.arguments[0]
      const { requirePolicy } = await import('../../delivery/index.ts')
      if (only !== undefined) requirePolicy(scene.project, only)
      const { flatten, historyOf } = await import('../../reporting/index.ts')
      const environments = only === undefined ? Object.keys(scene.project.environments) : [only]
      const entries = await historyOf(engine, environments, lineCountOption(invocation), invocation.signal)
      const { renderLog } = await import('../view/index.ts')
      const options = {
        nowMs: Date.now(),
        environments: only === undefined,
        verbose: flagOption(invocation, 'verbose'),
      }
      return { document: { events: entries.map(flatten) }, lines: renderLog(entries, invocation.style, options) }
    }),
}
