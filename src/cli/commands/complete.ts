import type { Command } from '../command.ts'

/** Asked by the completion scripts; answers within a second or not at all. */
export const complete: Command = {
  name: '__complete',
  summary: 'answer a completion script',
  isHidden: true,
  arguments: [{ name: 'words', summary: 'what has been typed' }],
  async run({ arguments: words, io }) {
    const { answerCompletion, projectCandidates } = await import('../completion/index.ts')
    const environment = Object.fromEntries(
      Object.entries(io.environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    )
    const typed = words.map((word) => word ?? '')
    const text = await answerCompletion(typed, projectCandidates(io.cwd, environment))
    io.stdout.write(text)
    return { exitCode: 0 }
  },
}
