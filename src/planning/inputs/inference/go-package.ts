/** One folder of Go files: what it imports and embeds. Build constraints do not count: every file of it is read. */
import type { CommitView, Positions } from '../commit-view.ts'
import { globExpression } from '../path-pattern.ts'
import { parseGoSource } from './go-source.ts'

export type GoPackage = {
  directory: string
  /** Files the go command compiles or links, tests left out. */
  sources: Positions
  tests: Positions
  /** Import path to the file that has it. */
  imports: ReadonlyMap<string, string>
  testImports: ReadonlyMap<string, string>
  /** Files that sources embed. */
  embedded: Positions
  embeddedByTests: Positions
  /** Files it embeds by a pattern that matches nothing: generated ones, as a rule. */
  unmatched: Array<{ file: string; pattern: string }>
  /** A file that takes C from outside the package's folder by a relative `#include`. */
  includesOutside: string | null
}

/** What `go build` takes from a package's folder (`go help list`: GoFiles to SysoFiles). */
const sourceFile = /\.(?:go|c|cc|cpp|cxx|m|h|hh|hpp|hxx|f|F|for|f90|s|S|swig|swigcxx|syso)$/

export const goTestEnding = '_test.go'

const isGoTest = (path: string): boolean => path.endsWith(goTestEnding)

export function createGoPackages(view: CommitView) {
  const packages = new Map<string, GoPackage | null>()
  /** The package in a folder, or null where no Go file lies there. */
  return (directory: string): GoPackage | null => {
    const known = packages.get(directory)
    if (known !== undefined) return known
    const found = readPackage(view, directory)
    packages.set(directory, found)
    return found
  }
}

function readPackage(view: CommitView, directory: string): GoPackage | null {
  const files = view.childrenNamed(directory, sourceFile)
  const pathOf = (position: number): string => view.entry(position).path
  if (!files.some((position) => pathOf(position).endsWith('.go'))) return null
  const tests = files.filter((position) => isGoTest(pathOf(position)))
  const sources = files.filter((position) => !isGoTest(pathOf(position)))
  const built = readSources(view, directory, sources)
  const tested = readSources(view, directory, tests)
  return {
    directory,
    sources,
    tests,
    imports: built.imports,
    testImports: tested.imports,
    embedded: built.embedded,
    embeddedByTests: tested.embedded,
    unmatched: built.unmatched,
    includesOutside: built.includesOutside,
  }
}

function readSources(view: CommitView, directory: string, positions: Positions) {
  const imports = new Map<string, string>()
  const embedded = new Set<number>()
  const unmatched: GoPackage['unmatched'] = []
  let includesOutside: string | null = null
  for (const position of positions) {
    const file = view.entry(position).path
    if (!file.endsWith('.go')) continue
    const text = view.read(file)
    if (text === null) continue
    const source = parseGoSource(text)
    for (const path of source.imports) if (!imports.has(path)) imports.set(path, file)
    for (const pattern of source.embeds) {
      const matched = embeddedFiles(view, directory, pattern)
      if (matched.length === 0) unmatched.push({ file, pattern })
      for (const one of matched) embedded.add(one)
    }
    if (source.imports.includes('C') && /^\s*(?:\/\/)?\s*#include\s+"\.\.\//m.test(text)) includesOutside ??= file
  }
  return { imports, embedded: [...embedded].sort((left, right) => left - right), unmatched, includesOutside }
}

/**
 * Files of a `//go:embed` pattern: path.Match globs, where a folder means all below it but names that begin with `.`
 * or `_` (taken too with `all:`). https://pkg.go.dev/embed
 */
function embeddedFiles(view: CommitView, directory: string, written: string): Positions {
  const takesAll = written.startsWith('all:')
  const pattern = takesAll ? written.slice('all:'.length) : written
  const prefix = directory === '' ? '' : `${directory}/`
  const { start, end } = view.rangeBelow(directory)
  const depth = pattern.split('/').length
  const expression = pattern === '.' ? null : globExpression(withoutExtensions(pattern))
  const found: number[] = []
  for (let position = start; position < end; position += 1) {
    const segments = view.entry(position).path.slice(prefix.length).split('/')
    const head = segments.slice(0, expression === null ? 0 : depth)
    if (expression !== null && (head.length < depth || !expression.test(head.join('/')))) continue
    const below = segments.slice(head.length)
    if (takesAll || below.every((segment) => !/^[._]/.test(segment))) found.push(position)
  }
  return found
}

/** `path.Match` knows `*`, `?` and `[…]` only: braces and parentheses are letters. */
const withoutExtensions = (pattern: string): string => pattern.replace(/[{}()!+@]/g, (letter) => `\\${letter}`)

/** How a package's files are named as an input. */
export const packageInput = (directory: string): string => (directory === '' ? '*.go' : `${directory}/*`)
