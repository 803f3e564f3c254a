import { type Command, requiredArgument, textOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const yank: Command = {
  name: 'yank',
  summary: 'Ban a release, or an artifact by digest, from every environment',
  detail: 'Where it runs already, people are told; nothing rolls by itself.',
  arguments: [{ name: 'rev|release|digest', summary: 'a commit or tag, a release id, or sha256:…', completes: 'ref' }],
  options: [{ flags: '-m, --reason <text>', summary: 'why' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene, context }) => {
      const { yankSubject } = await import('../../delivery/index.ts')
      const done = await yankSubject(engine, scene, {
        subject: requiredArgument(invocation, 0),
        resolve: (revision) => context.revision(revision).then(({ commit }) => commit),
        why: textOption(invocation, 'reason') ?? 'no reason given',
        signal: invocation.signal,
      })
      const running =
        done.runsIn.length > 0 ? [`it still runs in ${done.runsIn.join(', ')}: trunkline rollback <env>`] : []
      return { document: done, lines: [`${done.label} is yanked: it can go nowhere`, ...running] }
    }),
}
