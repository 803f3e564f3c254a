import { type Command, requiredArgument, textOption } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const approve: Command = {
  name: 'approve',
  summary: 'Approve the plan that waits, and let it move',
  detail: 'An approval binds to exactly that plan: when anything it covers moves, it is void.',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  options: [{ flags: '--plan <hash>', summary: 'refuse unless this is the plan that waits (what you looked at)' }],
  run: (invocation) =>
    runDelivery(invocation, { title: 'Approving' }, async (context) => {
      const environment = requiredArgument(invocation, 0)
      const { engine, scene } = await context.onTrunk()
      const delivery = await import('../../delivery/index.ts')
      await delivery.approve(engine, scene, {
        environment,
        plan: textOption(invocation, 'plan'),
        signal: invocation.signal,
      })
      const { trust } = engine.ledger
      if (!(await trust.can('builder'))) return delivery.awaitBuilder(environment)
      return await delivery.advance(engine, scene, { only: [environment], signal: invocation.signal })
    }),
}
