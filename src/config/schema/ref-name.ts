/** Names of branches, as git allows them. */
import { type Mistake, show } from '../mistake.ts'
import { textWith } from './shapes.ts'

/** Why git would refuse a ref of this name (git-check-ref-format), or null. */
export function refNameFault(name: string): string | null {
  if (name === '') return 'it is empty'
  const forbidden = /[\p{Cc} ~^:?[\\]/u.exec(name)
  if (forbidden !== null) return `it has ${show(forbidden[0])} in it`
  if (name.includes('..')) return 'it has `..` in it'
  if (name.includes('@{') || name === '@') return 'it has `@{` in it, or is just `@`'
  if (name.startsWith('/') || name.endsWith('/') || name.includes('//')) return 'it has an empty part between its `/`'
  if (name.endsWith('.')) return 'it ends with a dot'
  if (name.startsWith('-')) return 'it begins with a hyphen'
  const parts = name.split('/')
  if (parts.some((part) => part.startsWith('.'))) return 'a part of it begins with a dot'
  if (parts.some((part) => part.endsWith('.lock'))) return 'a part of it ends with `.lock`'
  return null
}

/** `main` where somebody wrote `refs/heads/main` or `origin/main`. */
export const withoutRefPrefix = (name: string): string | null => {
  const bare = name.replace(/^(?:refs\/(?:heads|tags)|refs\/remotes\/[^/]+)\//, '')
  return bare === name ? null : bare
}

export function branchRule(name: string): Mistake | null {
  const bare = withoutRefPrefix(name)
  if (bare !== null) {
    return {
      code: 'INVALID_BRANCH',
      message: `\`{key}\` names a branch, not a full ref`,
      hint: `did you mean \`${bare}\`?`,
    }
  }
  if (/[*{}]/.test(name)) {
    return { code: 'INVALID_BRANCH', message: `\`{key}\` names one branch, not a pattern: ${show(name)}` }
  }
  const fault = refNameFault(name)
  return fault === null ? null : { code: 'INVALID_BRANCH', message: `no branch can be called ${show(name)}: ${fault}` }
}

/** One branch, without `refs/heads/`. */
export const branchSchema = textWith('the name of a branch', branchRule).meta({ title: 'branch' })
