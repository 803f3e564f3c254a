import { type Command, flagOption, textOption } from '../command.ts'
import { nobodyWatches, withContext } from '../context.ts'

export const plan: Command = {
  name: 'plan',
  summary: 'Show what would happen and why; change nothing',
  arguments: [{ name: 'rev', summary: 'a commit, branch or tag (default: HEAD)', isOptional: true, completes: 'ref' }],
  options: [
    {
      flags: '--env <environment>',
      summary: 'plan for this environment, whatever the routes say',
      completes: 'environment',
    },
    { flags: '--ref <ref>', summary: 'plan as if this ref (existing or not) moved there', completes: 'ref' },
    { flags: '-v, --verbose', summary: 'every reason with its evidence, unchanged services, and the steps' },
  ],
  run: (invocation) =>
    withContext(invocation, nobodyWatches, async (context) => {
      const place = await context.placeToPlan(invocation.arguments[0] ?? null, textOption(invocation, 'ref'))
      const engine = await context.engine(place.commit)
      // Not by the room's door: it brings all that carries a plan out.
      const { showPlan } = await import('../../delivery/by-hand/show-plan.ts')
      const document = await showPlan(engine, {
        ...place,
        environment: textOption(invocation, 'env'),
        signal: invocation.signal,
      })
      // A thousand services are long to lay out for nobody to look at.
      if (invocation.json) return { exitCode: 0, document }
      const { renderPlan } = await import('../view/index.ts')
      const lines = renderPlan(document, invocation.style, { verbose: flagOption(invocation, 'verbose') })
      return { exitCode: 0, document, lines }
    }),
}
