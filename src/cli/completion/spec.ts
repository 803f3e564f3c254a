/** A command line as data: as much of it as completion needs. */

export type CompletionSpec = {
  /** Name of the program as people type it: letters, digits, `-`, `_`. */
  program: string
  /** Options that every command takes. */
  options: OptionSpec[]
  commands: CommandSpec[]
}

export type CommandSpec = {
  name: string
  /** One line for a person. */
  summary: string
  options: OptionSpec[]
  arguments: ArgumentSpec[]
}

export type OptionSpec = {
  /** As typed, dashes included: `['--env', '-e']`. */
  flags: string[]
  summary: string
  /** null for a switch. */
  value: ValueSpec | null
}

export type ArgumentSpec = {
  name: string
  value: ValueSpec /** The last argument only: any number of them. */
  repeats?: boolean
}

export type ValueSpec =
  | { kind: 'words'; words: string[] }
  /** Asked of the program itself, see protocol.ts. */
  | { kind: 'candidates'; of: CandidateKind[] }
  | { kind: 'file' }
  /** Nothing can be offered: a reason, a number. */
  | { kind: 'free' }

/** What `__complete` can list. */
export type CandidateKind = 'environment' | 'service' | 'task' | 'ref'

/** Values of a command: its own options and those of every command. */
export const optionsOf = (spec: CompletionSpec, command: CommandSpec): OptionSpec[] => [
  ...command.options,
  ...spec.options,
]

/** The name of the shell functions of a program: `my-tool` → `my_tool`. */
export const functionName = (spec: CompletionSpec): string => spec.program.replace(/\W/g, '_')
