/**
 * Shell completion: scripts made from a description of the command line, and the hidden `__complete` call by which they
 * ask for names that only the project knows.
 */
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import type { CompletionSpec } from './spec.ts'
import { zshScript } from './zsh.ts'

export { projectCandidates } from './project-candidates.ts'
export { answerCompletion, type Candidate, type CandidateSource } from './protocol.ts'
export type * from './spec.ts'

export const completionShells = ['bash', 'zsh', 'fish'] as const
export type CompletionShell = (typeof completionShells)[number]

/** The script that teaches a shell the command line; what `trunkline completion <shell>` prints. */
export function completionScript(shell: CompletionShell, spec: CompletionSpec): string {
  if (shell === 'bash') return bashScript(spec)
  return shell === 'zsh' ? zshScript(spec) : fishScript(spec)
}
