import { type Command, requiredArgument, textOption } from '../command.ts'
import { nobodyWatches, withContext } from '../context.ts'

export const why: Command = {
  name: 'why',
  summary: 'Why a service was or was not rebuilt at a commit',
  arguments: [
    { name: 'service', summary: 'the service', completes: 'service' },
    { name: 'rev', summary: 'a commit, branch or tag (default: HEAD)', isOptional: true, completes: 'ref' },
  ],
  options: [
    { flags: '--against <rev>', summary: 'compare with this commit (default: the one before)', completes: 'ref' },
  ],
  run: (invocation) =>
    withContext(invocation, nobodyWatches, async (context) => {
      const { commit } = await context.revision(invocation.arguments[1] ?? 'HEAD')
      const engine = await context.engine(commit)
      const against = textOption(invocation, 'against')
      const { openScene } = await import('../../delivery/index.ts')
      const scene = await openScene(engine, commit, null, invocation.signal)
      const { whyService } = await import('../../reporting/index.ts')
      const document = await whyService(engine, scene, {
        service: requiredArgument(invocation, 0),
        against: against === null ? null : (await context.revision(against)).commit,
        signal: invocation.signal,
      })
      const { renderWhy } = await import('../view/index.ts')
      return { exitCode: 0, document, lines: renderWhy(document, invocation.style) }
    }),
}
