/** Completion for fish 3 and newer, with descriptions. */
import { type CompletionSpec, functionName, type OptionSpec, type ValueSpec } from './spec.ts'

export function fishScript(spec: CompletionSpec): string {
  const name = functionName(spec)
  const rule = `complete -c ${spec.program}`
  return `# fish completion for ${spec.program}. Load it with: ${spec.program} completion fish | source

# Asks the program itself: value<TAB>description a line.
function __${name}_ask
    set -l typed (commandline -opc) (commandline -ct)
    $typed[1] __complete $argv[1] -- $typed[2..-1] 2>/dev/null
end

function __${name}_takes_value
    switch "$argv[1] $argv[2]"
        case ${takingValue(spec)}
            return 0
    end
    return 1
end

# Whether the cursor stands behind this command and, where given, at this argument of it (2+: there or further on).
function __${name}_at
    set -l command ''
    set -l position 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            if __${name}_takes_value "$command" $word
                set skip 1
            end
        else if test -z "$command"
            set command $word
        else
            set position (math $position + 1)
        end
    end
    test "$command" = "$argv[1]"; or return 1
    switch "$argv[2]"
        case ''
            return 0
        case '*+'
            test $position -ge (string replace + '' $argv[2])
        case '*'
            test $position = $argv[2]
    end
end

${rule} -f
${spec.options.map((option) => `${rule}${optionRule(option, spec)}`).join('\n')}
${spec.commands
  .flatMap((command) => [
    `${rule} -n ${quote(`__${name}_at ''`)} -a ${quote(command.name)} -d ${quote(command.summary)}`,
    ...command.options.map(
      (option) => `${rule} -n ${quote(`__${name}_at ${command.name}`)}${optionRule(option, spec)}`,
    ),
    ...command.arguments.flatMap((argument, position) => {
      const offered = offer(argument.value, spec)
      const place = `${position}${argument.repeats === true ? '+' : ''}`
      return offered === '' ? [] : [`${rule} -n ${quote(`__${name}_at ${command.name} ${place}`)}${offered}`]
    }),
  ])
  .join('\n')}
`
}

const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

function optionRule(option: OptionSpec, spec: CompletionSpec): string {
  const flags = option.flags
    .map((flag) => (flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`))
    .join('')
  const value = option.value === null ? '' : ` -r${offer(option.value, spec)}`
  return `${flags} -d ${quote(option.summary)}${value}`
}

function offer(value: ValueSpec, spec: CompletionSpec): string {
  if (value.kind === 'words') return ` -a ${quote(value.words.join(' '))}`
  if (value.kind === 'candidates') return ` -a ${quote(`(__${functionName(spec)}_ask ${value.of.join(',')})`)}`
  return value.kind === 'file' ? ' -F' : ''
}

/** Patterns `'<command> <flag>'` of all options with a value; one that nothing matches where there are none. */
function takingValue(spec: CompletionSpec): string {
  const scopes = ['', ...spec.commands.map((command) => command.name)]
  const all = [
    ...spec.options.flatMap((option) => scopes.map((scope) => ({ scope, option }))),
    ...spec.commands.flatMap((command) => command.options.map((option) => ({ scope: command.name, option }))),
  ].filter(({ option }) => option.value !== null)
  const patterns = all.flatMap(({ scope, option }) => option.flags.map((flag) => quote(`${scope} ${flag}`)))
  return patterns.length === 0 ? "''" : patterns.join(' ')
}
