/** The words of a command line, parsed by commander as the commands describe themselves. */
import { Option, Command as Parser } from 'commander'
import { programVersion } from '../program/index.ts'
import type { Command, CommandOption, CommandResult, Invocation, Io } from './command.ts'
import { commandGroups, commands } from './commands/index.ts'
import { openProgressView } from './view/open-progress-view.ts'
import { styleOf } from './view/text/style.ts'

export type ParserOptions = {
  argv: readonly string[]
  io: Io
  interrupt: AbortSignal
  /** Called with what the command answered. Not called for `--help` and `--version`. */
  done(result: CommandResult): void
}

/** The first word that is no option names the command; only that one is loaded, or all where it names none. */
export const commandNamed = (argv: readonly string[]): string | null => {
  const word = argv.find((known) => !known.startsWith('-'))
  return word !== undefined && Object.hasOwn(commands, word) ? word : null
}

export async function buildParser(options: ParserOptions): Promise<Parser> {
  const { argv, io } = options
  const parser = new Parser('trunkline')
    .usage('<command> [options]')
    .description('Continuous delivery for repositories with many services.')
    .version(programVersion, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'help, also of each command')
    .enablePositionalOptions()
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ subcommandTerm: (command) => [command.name(), argumentsOf(command)].filter(Boolean).join(' ') })
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: () => {} })
  const named = commandNamed(argv)
  const wanted = Object.entries(commands).flatMap(([name, load]) => (named === null || named === name ? [load] : []))
  for (const command of await Promise.all(wanted.map((load) => load()))) addCommand(parser, command, options)
  if (argv.every((word) => word.startsWith('-'))) parser.action(() => parser.outputHelp())
  return parser
}

const argumentsOf = (command: Parser): string =>
  command.registeredArguments
    .map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))
    .join(' ')

function addCommand(parser: Parser, command: Command, { io, interrupt, done }: ParserOptions): void {
  const sub = parser
    .command(command.name, { hidden: command.isHidden ?? false })
    .summary(command.summary)
    .description(command.detail === undefined ? command.summary : `${command.summary}.\n${command.detail}`)
    .option('--json', 'print one JSON document on standard output')
    .helpOption('-h, --help', 'this help')
    .helpGroup(groupOf(command.name))
    .exitOverride()
  for (const argument of command.arguments ?? []) {
    const name = argument.isOptional ? `[${argument.name}]` : `<${argument.name}>`
    sub.argument(command.isHidden ? '[words...]' : name, argument.summary)
  }
  if (command.isHidden) sub.allowUnknownOption().passThroughOptions()
  for (const option of command.options ?? []) sub.addOption(describeOption(option))
  sub.action(async () => {
    const words = command.isHidden ? sub.args : sub.processedArgs
    done(await command.run(invocationOf(words, sub.opts(), io, interrupt)))
  })
}

const groupOf = (name: string): string =>
  Object.entries(commandGroups).find(([, names]) => names.includes(name))?.[0] ?? 'Commands:'

function describeOption({ flags, summary, default: value, isList }: CommandOption): Option {
  const option = new Option(flags, summary)
  if (value !== undefined) option.default(value)
  if (isList) option.argParser((next: string, known: string[] | undefined) => [...(known ?? []), next])
  return option
}

function invocationOf(
  words: readonly unknown[],
  options: Invocation['options'],
  io: Io,
  signal: AbortSignal,
): Invocation {
  const json = options['json'] === true
  const clock = { now: () => Date.now() }
  return {
    arguments: words.map((word) => (typeof word === 'string' ? word : undefined)),
    options,
    io,
    signal,
    json,
    style: styleOf(io.stdout, io.environment),
    openView: (title) => openProgressView({ stream: io.stderr, environment: io.environment, clock, title, json }),
  }
}
