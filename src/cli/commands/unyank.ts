import { usageError } from '../../model/index.ts'
import { type Command, requiredArgument, textOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const unyank: Command = {
  name: 'unyank',
  summary: 'Let a yanked release or artifact in again; it must be verified anew',
  arguments: [{ name: 'rev|release|digest', summary: 'a commit or tag, a release id, or sha256:…', completes: 'ref' }],
  options: [{ flags: '-m, --reason <text>', summary: 'why (required)' }],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene, context }) => {
      const why = textOption(invocation, 'reason')
      if (why === null || why.trim() === '') {
        throw usageError('REASON_REQUIRED', 'unyank needs a reason: it lets in what failed once', {
          hint: 'add -m "why"',
        })
      }
      const { unyankSubject } = await import('../../delivery/index.ts')
      const done = await unyankSubject(engine, scene, {
        subject: requiredArgument(invocation, 0),
        resolve: (revision) => context.revision(revision).then(({ commit }) => commit),
        why,
        signal: invocation.signal,
      })
      return { document: done, lines: [`${done.label} may be deployed again, once it is verified anew`] }
    }),
}
