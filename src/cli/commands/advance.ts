import { type Command, listOption } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const advance: Command = {
  name: 'advance',
  summary: 'Move whatever was waiting and may move now',
  detail:
    'Also goes on with what a dead controller left behind. Run it on a schedule where no server does, and beside it `trunkline diff <env> --check`, which tells of changes by hand.',
  options: [{ flags: '--env <environment>', summary: 'only this environment', isList: true, completes: 'environment' }],
  run: (invocation) =>
    runDelivery(invocation, { title: 'Advancing' }, async (context) => {
      const { engine, scene } = await context.onTrunk()
      const { advance: advanceAll } = await import('../../delivery/index.ts')
      return await advanceAll(engine, scene, { only: listOption(invocation, 'env'), signal: invocation.signal })
    }),
}
