import { type Command, textOption } from '../command.ts'
import { runDelivery } from '../run-delivery.ts'

export const deliver: Command = {
  name: 'deliver',
  summary: 'A ref moved: check, build, then deploy wherever its routes lead',
  detail:
    'Without options it takes the ref and commit from the CI it runs in (GitHub Actions, GitLab, CircleCI, CodeBuild), else the branch checked out here. In a log, TRUNKLINE_VERBOSE=1 brings the output of every step.',
  options: [
    { flags: '--ref <ref>', summary: 'the ref that moved: main, v1.0.0, refs/heads/…', completes: 'ref' },
    { flags: '--commit <commit>', summary: 'what it moved to (default: its commit at the remote)' },
  ],
  run: (invocation) =>
    runDelivery(invocation, { title: 'Delivering' }, async (context) => {
      const event = await context.refEvent(textOption(invocation, 'ref'), textOption(invocation, 'commit'))
      const engine = await context.engine(event.commit)
      const { deliver: deliverRef } = await import('../../delivery/index.ts')
      return await deliverRef(engine, event, { signal: invocation.signal, hookDecision: 'ask' })
    }),
}
