import { type Command, flagOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const status: Command = {
  name: 'status',
  summary: 'What runs where',
  arguments: [{ name: 'env', summary: 'only this environment', isOptional: true, completes: 'environment' }],
  options: [{ flags: '-s, --services', summary: 'every service with its instances and address' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const { statusOf } = await import('../../reporting/status.ts')
      const { requirePolicy } = await import('../../delivery/index.ts')
      const only = invocation.arguments[0]
      if (only !== undefined) requirePolicy(scene.project, only)
      const environments = await statusOf(engine, scene, only === undefined ? [] : [only], invocation.signal)
      const { renderStatus } = await import('../view/index.ts')
      const options = { services: only !== undefined || flagOption(invocation, 'services'), nowMs: Date.now() }
      return { document: { environments }, lines: renderStatus({ environments }, invocation.style, options) }
    }),
}
