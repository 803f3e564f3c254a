/** What a Dockerfile takes from its context. https://docs.docker.com/reference/dockerfile/ */

export type DockerfileCopy = {
  /** As written, variables put in; null where one of them has no known value. */
  source: string | null
  /** As written. */
  written: string
  line: number
}

export type DockerfileOptions = {
  /** Values of build arguments; null where a command's values are not known. */
  buildArguments: ReadonlyMap<string, string> | null
  /** The stage to build; null: all of them count. */
  target: string | null
}

type Instruction = { keyword: string; rest: string; line: number }
type Stage = { name: string | null; base: string; from: Set<string>; copies: DockerfileCopy[] }

/** Sources of `COPY`, `ADD` and bind mounts, `--from` another stage or image left out. */
export function parseDockerfile(text: string, options: DockerfileOptions): DockerfileCopy[] {
  const globals = new Map<string, string | null>()
  const stages: Stage[] = []
  let scope = new Map<string, string | null>()
  for (const instruction of instructions(text)) {
    const stage = stages.at(-1)
    switch (instruction.keyword) {
      case 'FROM':
        stages.push(openStage(instruction.rest, globals))
        scope = new Map()
        break
      case 'ARG':
        for (const [name, value] of readArguments(instruction.rest, scope, globals, options)) {
          if (stage === undefined) globals.set(name, value)
          else scope.set(name, value)
        }
        break
      case 'ENV':
        for (const [name, value] of readAssignments(instruction.rest, scope)) scope.set(name, value)
        break
      case 'COPY':
      case 'ADD':
        if (stage !== undefined) readCopy(instruction, stage, scope)
        break
      case 'RUN':
        if (stage !== undefined) readMounts(instruction, stage, scope)
        break
    }
  }
  return neededStages(stages, options.target).flatMap((stage) => stage.copies)
}

/** Joins continued lines, drops comments and here-documents. */
function* instructions(text: string): Generator<Instruction> {
  const lines = text.split(/\r?\n/)
  const continuation = /^#\s*escape\s*=\s*`/im.test(text.split(/^[^#\s]/m)[0] ?? '') ? '`' : '\\'
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1
    let joined = ''
    for (; at < lines.length; at += 1) {
      const current = lines[at] ?? ''
      if (/^\s*#/.test(current)) {
        if (joined === '') break
        continue
      }
      const body = current.trimEnd()
      const isContinued = body.endsWith(continuation)
      joined += isContinued ? `${body.slice(0, -1)} ` : body
      if (!isContinued) break
    }
    const [, keyword, rest] = /^\s*(\w+)\s+([\s\S]*)$/.exec(joined) ?? []
    if (keyword === undefined || rest === undefined) continue
    // A here-document's body follows its line and ends at the word alone on a line.
    for (const [, , word] of rest.matchAll(/<<-?(["']?)([A-Za-z_]\w*)\1/g)) {
      at += 1
      while (at < lines.length && lines[at]?.trim() !== word) at += 1
    }
    yield { keyword: keyword.toUpperCase(), rest, line }
  }
}

function openStage(rest: string, globals: ReadonlyMap<string, string | null>): Stage {
  const words = rest.split(/\s+/).filter((word) => word !== '' && !word.startsWith('--'))
  const name = words[1]?.toUpperCase() === 'AS' ? (words[2] ?? null) : null
  const base = words[0] ?? ''
  return {
    name: name?.toLowerCase() ?? null,
    base: (expand(base, globals) ?? base).toLowerCase(),
    from: new Set(),
    copies: [],
  }
}

function readArguments(
  rest: string,
  scope: ReadonlyMap<string, string | null>,
  globals: ReadonlyMap<string, string | null>,
  options: DockerfileOptions,
): Array<[string, string | null]> {
  return splitWords(rest).map((word) => {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    // Without the command that builds, a default may be overridden by whoever runs it: its value is not known.
    if (options.buildArguments === null) return [name, null]
    const given = options.buildArguments.get(name)
    if (given !== undefined) return [name, given]
    return [name, equals < 0 ? (globals.get(name) ?? null) : expand(unquote(word.slice(equals + 1)), scope)]
  })
}

function readAssignments(rest: string, scope: ReadonlyMap<string, string | null>): Array<[string, string | null]> {
  const words = splitWords(rest)
  const first = words[0] ?? ''
  if (!first.includes('=')) return [[first, expand(rest.slice(first.length).trim(), scope)]]
  return words.flatMap((word): Array<[string, string | null]> => {
    const equals = word.indexOf('=')
    return equals < 0 ? [] : [[word.slice(0, equals), expand(unquote(word.slice(equals + 1)), scope)]]
  })
}

function readCopy(instruction: Instruction, stage: Stage, scope: ReadonlyMap<string, string | null>): void {
  const { flags, rest } = splitFlags(instruction.rest)
  const from = flags.find((flag) => flag.startsWith('--from='))
  if (from !== undefined) {
    stage.from.add((expand(from.slice('--from='.length), scope) ?? '').toLowerCase())
    return
  }
  for (const written of copyArguments(rest).slice(0, -1)) {
    if (/^<</.test(written) || /^(?:https?|git|ssh):\/\/|^git@/.test(written)) continue
    stage.copies.push({ source: expand(written, scope), written, line: instruction.line })
  }
}

/** `RUN --mount=type=bind,source=x` reads the context too. */
function readMounts(instruction: Instruction, stage: Stage, scope: ReadonlyMap<string, string | null>): void {
  for (const flag of splitFlags(instruction.rest).flags) {
    if (!flag.startsWith('--mount=')) continue
    const fields = new Map(
      flag
        .slice('--mount='.length)
        .split(',')
        .map((field): [string, string] => {
          const equals = field.indexOf('=')
          return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)]
        }),
    )
    const from = fields.get('from')
    if (from !== undefined) stage.from.add(from.toLowerCase())
    const written = fields.get('source') ?? fields.get('src')
    if ((fields.get('type') ?? 'bind') !== 'bind' || from !== undefined || written === undefined) continue
    stage.copies.push({ source: expand(written, scope), written, line: instruction.line })
  }
}

/** The target's stage and those it is built from; all where the target is unknown. */
function neededStages(stages: readonly Stage[], target: string | null): readonly Stage[] {
  const find = (name: string): Stage | undefined =>
    stages.findLast((stage) => stage.name === name) ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined)
  const first = target === null ? undefined : find(target.toLowerCase())
  if (first === undefined) return stages
  const needed = new Set<Stage>([first])
  for (const stage of needed) {
    for (const name of [stage.base, ...stage.from]) {
      const other = find(name)
      if (other !== undefined) needed.add(other)
    }
  }
  return stages.filter((stage) => needed.has(stage))
}

function splitFlags(text: string): { flags: string[]; rest: string } {
  const [leading = ''] = /^(?:\s*--\S+)*/.exec(text) ?? []
  return { flags: leading.split(/\s+/).filter((flag) => flag !== ''), rest: text.slice(leading.length).trim() }
}

/** Shell form, or JSON form for names with spaces. */
function copyArguments(rest: string): string[] {
  if (rest.startsWith('[')) {
    try {
      const words: unknown = JSON.parse(rest)
      if (Array.isArray(words)) return words.filter((word): word is string => typeof word === 'string')
    } catch {
      // Not JSON after all: Docker reads it as words then.
    }
  }
  return splitWords(rest).map(unquote)
}

const splitWords = (text: string): string[] => text.match(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? []

/** An escape counts as one, so that no quote is tried which another one has tried in vain. */
const unquote = (word: string): string =>
  word.replace(/\\.|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (written, double, single) => double ?? single ?? written)

/** Puts in `$X`, `${X}`, `${X:-default}` and `${X:+value}`; null where a value is not known. */
function expand(text: string, scope: ReadonlyMap<string, string | null>): string | null {
  let isKnown = true
  const expanded = text.replace(
    /\\\$|\$\{([^}]*)(\}|$)|\$(\w+)/g,
    (written: string, inside: string | undefined, close: string | undefined, bare: string | undefined) => {
      if (written === '\\$') return '$'
      const [, braced, operator, word] = /^(\w+)(?:(:?[-+])([\s\S]*))?/.exec(inside ?? '') ?? []
      const name = bare ?? braced
      if (name === undefined || close === '') return written
      const value = scope.get(name)
      const isPlain = operator !== undefined || bare !== undefined || inside === name
      if (value === null || !isPlain || (value === undefined && operator === undefined)) isKnown = false
      if (operator?.endsWith('+')) return value === undefined || value === '' ? '' : (word ?? '')
      return value === undefined || (value === '' && operator === ':-') ? (word ?? '') : (value ?? '')
    },
  )
  return isKnown ? expanded : null
}
