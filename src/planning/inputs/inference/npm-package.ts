/** package.json files and the workspaces they form (npm, Yarn, pnpm, Bun). */
import { parse as parseYaml } from 'yaml'
import { isTooDeepToParse } from '../../../config/yaml-depth.ts'
import type { CommitView } from '../commit-view.ts'
import { globExpression, normalizePattern } from '../path-pattern.ts'
import { ancestorsOf, directoryOf, joinPath } from '../repository-path.ts'
import { isTable, parseJsonTable, stringIn, stringsOf, type Table, tableIn } from './structured-text.ts'

export type NpmPackage = {
  directory: string
  /** Path of its package.json. */
  manifest: string
  name: string | null
  version: string | null
  dependencies: Array<{ name: string; spec: string }>
  content: Table
}

export type NpmWorkspace = {
  /** Folder of the root package. */
  root: string
  /** Name to folder. */
  members: ReadonlyMap<string, string>
  directories: ReadonlySet<string>
}

/** All four: a build may need any of them, and peers are installed too. */
const dependencyFields = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const

export function createNpmPackages(view: CommitView) {
  const packages = new Map<string, NpmPackage | 'unreadable' | null>()
  const workspaces = new Map<string, NpmWorkspace | null>()

  const at = (path: string): string => (path === '' ? 'package.json' : `${path}/package.json`)

  /** The package in a folder; null where there is none (or it was not read yet). */
  const packageIn = (directory: string): NpmPackage | 'unreadable' | null => {
    const known = packages.get(directory)
    if (known !== undefined) return known
    const text = view.read(at(directory))
    const content = text === null ? null : parseJsonTable(text)
    const found = content !== null ? describe(directory, content) : text === null ? null : 'unreadable'
    packages.set(directory, found)
    return found
  }
  const describe = (directory: string, content: Table): NpmPackage => ({
    directory,
    manifest: at(directory),
    name: stringIn(content, 'name'),
    version: stringIn(content, 'version'),
    dependencies: dependencyFields.flatMap((field) =>
      Object.entries(tableIn(content, field)).flatMap(([name, spec]) =>
        typeof spec === 'string' ? [{ name, spec }] : [],
      ),
    ),
    content,
  })

  /** The workspace whose root lies in this very folder. */
  const workspaceAt = (root: string): NpmWorkspace | null => {
    const known = workspaces.get(root)
    if (known !== undefined) return known
    const globs = workspaceGlobs(root)
    const workspace = globs === null ? null : gather(root, globs)
    workspaces.set(root, workspace)
    return workspace
  }
  const workspaceGlobs = (root: string): string[] | null => {
    const pnpm = view.read(root === '' ? 'pnpm-workspace.yaml' : `${root}/pnpm-workspace.yaml`)
    if (pnpm !== null) {
      const globs = pnpmPackages(pnpm)
      if (globs !== null) return globs
    }
    const found = packageIn(root)
    if (found === null || found === 'unreadable') return null
    const declared = found.content['workspaces']
    if (declared === undefined) return null
    return stringsOf(isTable(declared) ? declared['packages'] : declared)
  }
  const gather = (root: string, globs: readonly string[]): NpmWorkspace => {
    const members = new Map<string, string>()
    const directories = new Set<string>([root])
    const excluded = globs
      .filter((glob) => glob.startsWith('!'))
      .map((glob) => globExpression(joinPath(root, normalizePattern(glob.slice(1))) ?? glob))
    for (const glob of globs) {
      const pattern = glob.startsWith('!') ? null : joinPath(root, at(normalizePattern(glob)))
      if (pattern === null) continue
      for (const position of view.match(pattern)) {
        const directory = directoryOf(view.entry(position).path)
        if (/(?:^|\/)node_modules(?:\/|$)/.test(directory)) continue
        if (!excluded.some((expression) => expression.test(directory))) directories.add(directory)
      }
    }
    for (const directory of directories) {
      const member = packageIn(directory)
      if (member !== null && member !== 'unreadable' && member.name !== null) members.set(member.name, directory)
    }
    return { root, members, directories }
  }

  /** The workspace a package's folder is a member of (or the root of). */
  const workspaceOf = (directory: string): NpmWorkspace | null => {
    for (const ancestor of ancestorsOf(directory)) {
      const workspace = workspaceAt(ancestor)
      if (workspace?.directories.has(directory)) return workspace
    }
    return null
  }

  /** The folder of the package.json that Node reads for a file in `directory`: the nearest one. */
  const nearestPackage = (directory: string): string | null => {
    for (const ancestor of ancestorsOf(directory)) if (view.find(at(ancestor)) >= 0) return ancestor
    return null
  }
  return { packageIn, workspaceOf, nearestPackage }
}

function pnpmPackages(text: string): string[] | null {
  if (isTooDeepToParse(text)) return null
  try {
    const content: unknown = parseYaml(text, { logLevel: 'error' })
    return isTable(content) && content['packages'] !== undefined ? stringsOf(content['packages']) : null
  } catch {
    return null
  }
}

/**
 * Which folder a dependency means, as the package managers read its spec; null where it comes from a registry.
 * `outside` where it leads out of the repository.
 */
export function localDependency(
  from: NpmPackage,
  dependency: { name: string; spec: string },
  workspace: NpmWorkspace | null,
  versionOf: (directory: string) => string | null,
): string | null | 'outside' {
  const { name } = dependency
  const spec = dependency.spec.trim()
  const path = /^(?:file|link|portal):(.*)$/.exec(spec)?.[1] ?? (/^\.{1,2}(?:\/|$)/.test(spec) ? spec : undefined)
  if (path !== undefined) return joinPath(from.directory, path.replace(/::.*$/, '')) ?? 'outside'
  if (workspace === null) return null
  if (spec.startsWith('workspace:')) {
    const inside = spec.slice('workspace:'.length)
    if (inside.startsWith('.')) return joinPath(from.directory, inside)
    const alias = /^(@?[^@]+)@/.exec(inside)?.[1]
    return workspace.members.get(alias ?? name) ?? null
  }
  const directory = workspace.members.get(name)
  if (directory === undefined || directory === from.directory) return null
  return isVersionRange(spec) && admits(spec, versionOf(directory)) ? directory : null
}

/** Not a URL, a git address, an alias (`npm:…`), a GitHub shorthand: a range, a tag or pnpm's `catalog:`. */
const isVersionRange = (spec: string): boolean => spec.startsWith('catalog:') || !/[:/]/.test(spec)

/**
 * Whether a workspace of that version can be what the range asks for. Only plain cases are denied (an exact version,
 * `^` or `~` of another major or minor): where in doubt, the workspace counts.
 */
function admits(range: string, version: string | null): boolean {
  const wanted = /^([~^=v]*)(\d+)\.(\d+)\.(\d+)(-[\w.-]+)?$/.exec(range)
  const actual = version === null ? null : /^(\d+)\.(\d+)\.(\d+)(-[\w.-]+)?/.exec(version)
  if (wanted === null || actual === null) return true
  const [, operator, major, minor, patch, pre] = wanted
  if (major !== actual[1]) return false
  if (operator?.startsWith('^')) return major !== '0' || minor === actual[2]
  if (operator?.startsWith('~')) return minor === actual[2]
  return minor === actual[2] && patch === actual[3] && pre === actual[4]
}
