import { usageError } from '../../model/index.ts'
import { type Command, requiredArgument } from '../command.ts'

export const completion: Command = {
  name: 'completion',
  summary: 'Print the completion script of a shell (bash, zsh, fish)',
  detail:
    'bash: source <(trunkline completion bash) · zsh: trunkline completion zsh > $fpath[1]/_trunkline · fish: trunkline completion fish | source',
  arguments: [{ name: 'shell', summary: 'bash, zsh or fish' }],
  async run(invocation) {
    const wanted = requiredArgument(invocation, 0)
    const { completionScript, completionShells } = await import('../completion/index.ts')
    const shell = completionShells.find((known) => known === wanted)
    if (shell === undefined) {
      throw usageError('UNKNOWN_SHELL', `there is no completion for ${wanted}`, {
        hint: `there is for ${completionShells.join(', ')}`,
      })
    }
    const { completionSpec } = await import('../completion-spec.ts')
    const script = completionScript(shell, await completionSpec())
    return { exitCode: 0, document: { shell, script }, lines: [script] }
  },
}
