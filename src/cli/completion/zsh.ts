/** Completion for zsh, with descriptions, through its own `_arguments`. */
import {
  type CommandSpec,
  type CompletionSpec,
  functionName,
  type OptionSpec,
  optionsOf,
  type ValueSpec,
} from './spec.ts'

export function zshScript(spec: CompletionSpec): string {
  const name = functionName(spec)
  const commands = spec.commands.map((command) => `    ${quote(`${command.name}:${command.summary}`)}`).join('\n')
  return `#compdef ${spec.program}
# zsh completion for ${spec.program}. Load it with: source <(${spec.program} completion zsh)

# Asks the program itself: value<TAB>description a line.
__${name}_ask() {
  local line
  local -a offered
  for line in \${(f)"$("$__${name}_program" __complete "$1" -- "\${(@)words[1,CURRENT]}" 2>/dev/null)"}; do
    offered+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t values value offered
}

__${name}_commands() {
  local -a offered
  offered=(
${commands}
  )
  _describe -t commands command offered
}

_${name}() {
  local context state line curcontext="$curcontext" __${name}_program="\${(Q)words[1]/#\\~\\//$HOME/}"
  typeset -A opt_args
  _arguments -C \\
${spec.options.map((option) => `    ${optionArgument(option, spec)} \\`).join('\n')}
    '1:command:__${name}_commands' \\
    '*::argument:->argument' && return 0
  [[ $state == argument ]] || return 1
  case $words[1] in
${spec.commands.map((command) => commandCase(command, spec)).join('\n')}
  esac
}

if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${spec.program}; fi
`
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
/** In `_arguments`, brackets and colons end a description. */
const described = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&')

function commandCase(command: CommandSpec, spec: CompletionSpec): string {
  const parts = [
    ...optionsOf(spec, command).map((option) => optionArgument(option, spec)),
    ...command.arguments.map((argument, position) => {
      const place = argument.repeats === true ? '*' : String(position + 1)
      return quote(`${place}:${described(argument.name)}:${action(argument.value, spec)}`)
    }),
  ]
  return `    ${command.name}) _arguments ${parts.join(' ')} ;;`
}

/** `(-e --env)'{-e,--env=}'[summary]:value:action`, spelled once for every flag. */
function optionArgument(option: OptionSpec, spec: CompletionSpec): string {
  const others = option.flags.length > 1 ? `(${option.flags.join(' ')})` : ''
  return option.flags
    .map((flag) => {
      const end = option.value === null ? '' : `:value:${action(option.value, spec)}`
      const joined = option.value !== null && flag.startsWith('--') ? '=' : ''
      return quote(`${others}${flag}${joined}[${described(option.summary)}]${end}`)
    })
    .join(' ')
}

function action(value: ValueSpec, spec: CompletionSpec): string {
  if (value.kind === 'words') return `(${value.words.join(' ')})`
  if (value.kind === 'candidates') return `{__${functionName(spec)}_ask ${value.of.join(',')}}`
  return value.kind === 'file' ? '_files' : ' '
}
