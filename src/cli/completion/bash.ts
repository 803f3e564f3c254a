/** Completion for bash 3.2 and newer, without the bash-completion package. */
import { type CompletionSpec, functionName, type OptionSpec, optionsOf, type ValueSpec } from './spec.ts'

export function bashScript(spec: CompletionSpec): string {
  const name = functionName(spec)
  return `# bash completion for ${spec.program}. Load it with: source <(${spec.program} completion bash)

# Offers words that begin as the current one does. Never through compgen -W, which would run what a ref's name says.
__${name}_offer() {
  local word quoted
  for word in "$@"; do
    printf -v quoted %q "$word"
    if [[ $quoted == "$__${name}_current"* ]]; then COMPREPLY+=("$quoted"); fi
  done
}

# Asks the program itself: value<TAB>description a line.
__${name}_ask() {
  local value rest program=\${COMP_WORDS[0]/#\\~\\//$HOME/}
  while IFS=$'\\t' read -r value rest; do
    __${name}_offer "$value"
  done < <("$program" __complete "$1" -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$__${name}_current" 2>/dev/null)
}

__${name}_files() { compopt -o default 2>/dev/null; }

__${name}_takes_value() {
  case "$1 $2" in
${takesValueCases(spec)}
  esac
  return 1
}

_${name}() {
  local __${name}_current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command='' position=0 skip='' word index
  COMPREPLY=()
  # --env=stage comes as three words.
  if [[ $__${name}_current == '=' ]]; then __${name}_current=''
  elif [[ $previous == '=' && COMP_CWORD -ge 2 ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $word == '=' ]]; then continue
    elif [[ -n $skip ]]; then skip=''
    elif [[ $word == -* ]]; then
      if __${name}_takes_value "$command" "$word"; then skip=1; fi
    elif [[ -z $command ]]; then command=$word
    else position=$((position + 1))
    fi
  done

  if [[ -n $skip ]]; then
    case "$command $previous" in
${optionValueCases(spec)}
    esac
    return
  fi
  if [[ $__${name}_current == -* ]]; then
    case "$command" in
${optionCases(spec)}
    esac
    return
  fi
  case "$command $position" in
    ' 0') __${name}_offer ${words(spec.commands.map((command) => command.name))} ;;
${argumentCases(spec)}
  esac
}

complete -F _${name} ${spec.program}
`
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
const words = (list: readonly string[]): string => list.map(quote).join(' ')

/** Patterns `'<command> <flag>'` for an option, under each command that has it (and before any command). */
function patterns(scopes: readonly string[], option: OptionSpec): string {
  return scopes.flatMap((scope) => option.flags.map((flag) => quote(`${scope} ${flag}`))).join('|')
}

const scopedOptions = (spec: CompletionSpec): Array<{ scopes: string[]; option: OptionSpec }> => [
  ...spec.options.map((option) => ({ scopes: ['', ...spec.commands.map((command) => command.name)], option })),
  ...spec.commands.flatMap((command) => command.options.map((option) => ({ scopes: [command.name], option }))),
]

function takesValueCases(spec: CompletionSpec): string {
  const taking = scopedOptions(spec).filter(({ option }) => option.value !== null)
  return taking.map(({ scopes, option }) => `    ${patterns(scopes, option)}) return 0 ;;`).join('\n')
}

const optionValueCases = (spec: CompletionSpec): string =>
  scopedOptions(spec)
    .flatMap(({ scopes, option }) =>
      option.value === null ? [] : [`      ${patterns(scopes, option)}) ${offer(option.value, spec)} ;;`],
    )
    .join('\n')

const optionCases = (spec: CompletionSpec): string =>
  [
    { name: '', options: spec.options },
    ...spec.commands.map((command) => ({ name: command.name, options: optionsOf(spec, command) })),
  ]
    .map(({ name, options }) => {
      const flags = words(options.flatMap((option) => option.flags))
      return `      ${quote(name)}) __${functionName(spec)}_offer ${flags} ;;`
    })
    .join('\n')

const argumentCases = (spec: CompletionSpec): string =>
  spec.commands
    .flatMap((command) =>
      command.arguments.map((argument, position) => {
        const pattern =
          argument.repeats === true ? `${quote(`${command.name} `)}*` : quote(`${command.name} ${position}`)
        return `    ${pattern}) ${offer(argument.value, spec)} ;;`
      }),
    )
    .join('\n')

function offer(value: ValueSpec, spec: CompletionSpec): string {
  const name = functionName(spec)
  if (value.kind === 'words') return `__${name}_offer ${words(value.words)}`
  if (value.kind === 'candidates') return `__${name}_ask ${quote(value.of.join(','))}`
  return value.kind === 'file' ? `__${name}_files` : ':'
}
