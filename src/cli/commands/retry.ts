import { usageError } from '../../model/index.ts'
import { type Command, flagOption, type Invocation, requiredArgument } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const retry: Command = {
  name: 'retry',
  summary: 'Try the last failed, errored or cancelled deployment again',
  detail: 'Red checks run again. A hook whose outcome nobody knows needs a word: --assume-done or --rerun.',
  arguments: [{ name: 'env', summary: 'the environment', completes: 'environment' }],
  options: [
    { flags: '--assume-done', summary: 'count hooks with unknown outcome as done' },
    { flags: '--rerun', summary: 'run hooks with unknown outcome again' },
  ],
  run: (invocation) =>
    runDelivery(invocation, { title: `Retrying ${requiredArgument(invocation, 0)}` }, async (context) => {
      const { engine, scene } = await context.onTrunk()
      const { retryDeployment } = await import('../../delivery/index.ts')
      return await retryDeployment(engine, scene, {
        environment: requiredArgument(invocation, 0),
        hookDecision: hookDecisionOf(invocation),
        signal: invocation.signal,
      })
    }),
}

function hookDecisionOf(invocation: Invocation) {
  const assumes = flagOption(invocation, 'assumeDone')
  const reruns = flagOption(invocation, 'rerun')
  if (assumes && reruns) throw usageError('CONTRADICTION', '--assume-done and --rerun exclude each other')
  return assumes ? 'assume-done' : reruns ? 'rerun' : 'ask'
}
