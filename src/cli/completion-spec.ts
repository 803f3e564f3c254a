/** The command line as completion scripts need it, read off the commands themselves. */
import type { Command, CommandOption } from './command.ts'
import { commands } from './commands/index.ts'
import type { CandidateKind, CompletionSpec, OptionSpec, ValueSpec } from './completion/index.ts'

export async function completionSpec(): Promise<CompletionSpec> {
  const loaded = await Promise.all(Object.values(commands).map((load) => load()))
  return {
    program: 'trunkline',
    options: [
      { flags: ['--json'], summary: 'print one JSON document', value: null },
      { flags: ['--help', '-h'], summary: 'help', value: null },
    ],
    commands: loaded.filter((command) => !command.isHidden).map(describe),
  }
}

const describe = (command: Command): CompletionSpec['commands'][number] => ({
  name: command.name,
  summary: command.summary,
  options: (command.options ?? []).map(optionOf),
  arguments: (command.arguments ?? []).map((argument) => ({
    name: argument.name,
    value:
      argument.name === 'shell' ? { kind: 'words', words: ['bash', 'zsh', 'fish'] } : completedBy(argument.completes),
  })),
})

function optionOf(option: CommandOption): OptionSpec {
  const flags = option.flags.split(/[ ,]+/).filter((word) => word.startsWith('-'))
  const takesValue = option.flags.includes('<')
  return { flags, summary: option.summary, value: takesValue ? completedBy(option.completes) : null }
}

const completedBy = (completes: CandidateKind | undefined): ValueSpec =>
  completes === undefined ? { kind: 'free' } : { kind: 'candidates', of: [completes] }
