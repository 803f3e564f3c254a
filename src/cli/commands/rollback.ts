import { type Command, listOption, requiredArgument, textOption } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const rollback: Command = {
  name: 'rollback',
  summary: 'Go back to a release that was healthy there',
  detail: 'Routes do not bring back what was rolled back from until `trunkline resume <env>`.',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  options: [
    {
      flags: '--to <release>',
      summary: 'a version, release or commit that was healthy there (default: the one before)',
    },
    { flags: '--force <hook>', summary: 'go back past this irreversible hook', isList: true },
  ],
  run: (invocation) =>
    runDelivery(invocation, { title: `Rolling back ${requiredArgument(invocation, 0)}` }, async (context) => {
      const { engine, scene } = await context.onTrunk()
      const { rollback: rollBack } = await import('../../delivery/index.ts')
      return await rollBack(engine, scene, {
        environment: requiredArgument(invocation, 0),
        to: textOption(invocation, 'to'),
        force: listOption(invocation, 'force'),
        signal: invocation.signal,
      })
    }),
}
