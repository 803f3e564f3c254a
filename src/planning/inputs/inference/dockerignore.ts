/** `.dockerignore`: which files of a context never reach a build. */
import { type Glob, globExpression } from '../path-pattern.ts'

type Rule = { expression: Glob; isException: boolean }

/** Answers whether a path, relative to the context, is left out: the last matching line wins. */
export function parseDockerignore(text: string): (path: string) => boolean {
  const rules: Rule[] = []
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const written = line.trim()
    if (written === '' || written.startsWith('#')) continue
    const isException = written.startsWith('!')
    const pattern = (isException ? written.slice(1).trim() : written)
      .split('/')
      .filter((segment) => segment !== '' && segment !== '.')
      .join('/')
    if (pattern !== '') rules.push({ expression: globExpression(pattern), isException })
  }
  return (path) => {
    let isIgnored = false
    for (const { expression, isException } of rules) {
      if (isIgnored === isException && coversPath(expression, path)) isIgnored = !isException
    }
    return isIgnored
  }
}

/** A pattern that matches a folder covers all below it. */
function coversPath(expression: Glob, path: string): boolean {
  if (expression.test(path)) return true
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    if (expression.test(path.slice(0, slash))) return true
  }
  return false
}
