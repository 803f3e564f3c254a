/** Paths and globs, relative to the repository's root. Nothing outside of it can be named. */
import { posix } from 'node:path'
import { patternCost } from '../../model/index.ts'
import { type Mistake, show } from '../mistake.ts'
import { textWith } from './shapes.ts'

const fromRoot = "paths are relative to the repository's root"

function pathRule(path: string): Mistake | null {
  if (path.trim() === '') return { code: 'INVALID_PATH', message: '`{key}` is an empty path', hint: fromRoot }
  if (/\p{Cc}/u.test(path)) return { code: 'INVALID_PATH', message: `${show(path)} has control characters in it` }
  if (/^[/~]/.test(path) || /^[A-Za-z]:[\\/]/.test(path)) return outside(path)
  if (path.startsWith('!') && !path.startsWith('!(')) {
    return {
      code: 'INVALID_PATH',
      message: `\`${path}\`: patterns are not negated with \`!\``,
      hint: 'list it under `ignore` (inputs) or `exclude` (a bundle)',
    }
  }
  if (/\\[A-Za-z0-9]/.test(path)) {
    return {
      code: 'INVALID_PATH',
      message: `\`${path}\`: folders are separated by \`/\``,
      hint: `did you mean \`${path.replaceAll('\\', '/')}\`?`,
    }
  }
  const plain = posix.normalize(path)
  if (plain === '..' || plain.startsWith('../')) return outside(path)
  if (path.split('/').includes('..')) {
    return { code: 'INVALID_PATH', message: `\`${path}\` goes up and down again`, hint: `did you mean \`${plain}\`?` }
  }
  return null
}

const outside = (path: string): Mistake => ({
  code: 'PATH_OUTSIDE_REPOSITORY',
  message: `\`${path}\` lies outside the repository`,
  hint: fromRoot,
})

function costRule(pattern: string): Mistake | null {
  const { fault } = patternCost(pattern)
  return fault === null
    ? null
    : {
        code: 'PATTERN_TOO_COSTLY',
        message: `${show(pattern)} ${fault}: a hostile file name could make it take for ever`,
        hint: 'write it as several simpler patterns',
      }
}

/** `./a//b/` is `a/b`; the repository itself is the empty path. */
const plainPath = (path: string): string => posix.normalize(path).replace(/\/$/, '').replace(/^\.$/, '')

/** One file or folder; `.`, the repository itself, becomes the empty path. */
export const pathSchema = textWith('a path', (path) => {
  const mistake = pathRule(path)
  if (mistake !== null) return mistake
  return /[*?]/.test(path)
    ? { code: 'INVALID_PATH', message: `\`{key}\` is one path, not a pattern: \`${path}\`` }
    : null
})
  .meta({ title: 'path' })
  .transform(plainPath)

/** A path or glob. A folder written with a `/` at its end stands for everything in it. */
export const patternSchema = textWith('a path or pattern', (pattern) => pathRule(pattern) ?? costRule(pattern))
  .meta({ title: 'pattern' })
  .transform((pattern) => (/(?:^|\/)\.?\/?$/.test(pattern) ? posix.join(plainPath(pattern), '**') : plainPath(pattern)))
