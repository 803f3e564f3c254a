/** What the head of a Go file, a go.mod and a go.work say. */

export type GoSource = {
  imports: string[]
  /** Patterns of `//go:embed`, as written. */
  embeds: string[]
}

/** What is opened and never closed is a token too: it is not looked for again from each of its letters. */
const goToken = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\n]|\\.)*"?|`[^`]*`?|[A-Za-z_]\w*|[().;]/y

/** Imports stand before any other declaration: reading stops at the first that is none. Build constraints do not count. */
export function parseGoSource(text: string): GoSource {
  return { imports: parseImports(text), embeds: text.includes('//go:embed') ? parseEmbeds(text) : [] }
}

function parseImports(text: string): string[] {
  const imports: string[] = []
  let state: 'top' | 'package' | 'import' | 'group' = 'top'
  let at = 0
  while (at < text.length) {
    goToken.lastIndex = at
    const token = goToken.exec(text)?.[0]
    if (token === undefined) {
      at += 1
      continue
    }
    at += token.length
    if (token.startsWith('//') || token.startsWith('/*')) continue
    if (state === 'top') {
      if (token === 'package') state = 'package'
      else if (token === 'import') state = 'import'
      else if (token !== ';') return imports
    } else if (state === 'package') {
      state = 'top'
    } else if (/^(["`]).*\1$/s.test(token)) {
      imports.push(token.slice(1, -1))
      if (state === 'import') state = 'top'
    } else if (token === '(') {
      state = 'group'
    } else if (token === ')') {
      state = 'top'
    }
  }
  return imports
}

function parseEmbeds(text: string): string[] {
  return [...text.matchAll(/^\/\/go:embed[ \t]+(.*)$/gm)].flatMap(([, patterns]) =>
    [...(patterns ?? '').matchAll(/"((?:[^"\\]|\\.)*)"|`([^`]*)`|(\S+)/g)].map(
      ([, quoted, raw, bare]) => quoted?.replace(/\\(.)/g, '$1') ?? raw ?? bare ?? '',
    ),
  )
}

export type GoModuleFile = {
  module: string | null
  /** Module path to folder, for replacements that name a folder. */
  replacements: ReadonlyMap<string, string>
  /** Folders a go.work uses. */
  uses: string[]
}

/** Reads a go.mod or a go.work; both have the same grammar. */
export function parseGoModuleFile(text: string): GoModuleFile {
  let module: string | null = null
  const replacements = new Map<string, string>()
  const uses: string[] = []
  let block: string | null = null
  for (const line of text.split('\n')) {
    const words = [...line.replace(/\/\/.*$/, '').matchAll(/"[^"]*"|`[^`]*`|[^\s()]+|[()]/g)].map(([word]) =>
      word.replace(/^["`]|["`]$/g, ''),
    )
    if (words[0] === ')') {
      block = null
      continue
    }
    if (words[1] === '(' && words[0] !== undefined) {
      block = words[0]
      continue
    }
    const directive = block ?? words.shift()
    if (words.length === 0) continue
    if (directive === 'module') module = words[0] ?? null
    else if (directive === 'use' && words[0] !== undefined) uses.push(words[0])
    else if (directive === 'replace') {
      const target = words[words.indexOf('=>') + 1]
      if (words[0] !== undefined && target !== undefined && /^\.{0,2}\//.test(`${target}/`)) {
        replacements.set(words[0], target)
      }
    }
  }
  return { module, replacements, uses }
}
