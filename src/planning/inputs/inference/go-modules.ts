/** The Go modules of a repository: which folder an import path means. */
import type { CommitView } from '../commit-view.ts'
import { ancestorsOf, directoryOf, isWithin, joinPath } from '../repository-path.ts'
import { type GoModuleFile, parseGoModuleFile } from './go-source.ts'

export type GoModule = {
  directory: string
  path: string
  replacements: GoModuleFile['replacements']
}

export type GoWorkspace = { directory: string; uses: string[]; replacements: GoModuleFile['replacements'] }

export type GoImport =
  | { kind: 'local'; directory: string; module: GoModule }
  | { kind: 'outside' }
  | { kind: 'foreign' }

/** Folders the go command never looks for packages in. */
export const isIgnoredByGo = (directory: string): boolean =>
  /(?:^|\/)(?:vendor|testdata|[_.][^/]*)(?:\/|$)/.test(directory)

const inFolder = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`)

export function createGoModules(view: CommitView) {
  const modules = new Map<string, GoModule>()
  for (const position of view.named('go.mod')) {
    const file = view.entry(position).path
    const directory = directoryOf(file)
    if (isIgnoredByGo(directory)) continue
    const text = view.read(file)
    const { module, replacements } = parseGoModuleFile(text ?? '')
    if (module !== null) modules.set(directory, { directory, path: module, replacements })
  }
  const moduleHomes = new Map<string, GoModule | null>()
  const workspaces = new Map<string, GoWorkspace | null>()

  /** The module whose package a folder is: that of the nearest go.mod. */
  const moduleOf = (directory: string): GoModule | null => {
    const known = moduleHomes.get(directory)
    if (known !== undefined) return known
    const own = modules.get(directory)
    const found = own ?? (directory === '' ? null : moduleOf(directoryOf(directory)))
    moduleHomes.set(directory, found)
    return found
  }

  /** The nearest go.work above a module, if it uses that module. */
  const workspaceOf = (module: GoModule): GoWorkspace | null => {
    const known = workspaces.get(module.directory)
    if (known !== undefined) return known
    let found: GoWorkspace | null = null
    for (const ancestor of ancestorsOf(module.directory)) {
      const file = inFolder(ancestor, 'go.work')
      if (view.find(file) < 0) continue
      const { uses, replacements } = parseGoModuleFile(view.read(file) ?? '')
      const folders = uses.flatMap((use) => joinPath(ancestor, use) ?? [])
      if (folders.includes(module.directory)) found = { directory: ancestor, uses: folders, replacements }
      break
    }
    workspaces.set(module.directory, found)
    return found
  }

  /** Modules of this repository that a build of `main` may import from, by module path. */
  const localModules = (main: GoModule): ReadonlyMap<string, GoModule | 'outside'> => {
    const local = new Map<string, GoModule | 'outside'>()
    const workspace = workspaceOf(main)
    const replace = (from: string, replacements: GoModuleFile['replacements']) => {
      for (const [path, target] of replacements) {
        const directory = joinPath(from, target)
        const replaced = directory === null ? 'outside' : modules.get(directory)
        if (replaced !== undefined) local.set(path, replaced)
      }
    }
    replace(main.directory, main.replacements)
    for (const use of workspace?.uses ?? []) {
      const used = modules.get(use)
      if (used === undefined) continue
      replace(used.directory, used.replacements)
      local.set(used.path, used)
    }
    if (workspace !== null) replace(workspace.directory, workspace.replacements)
    local.set(main.path, main)
    return local
  }

  /** What an import in a package of `importer` means, the longest module path first. */
  const resolveImport = (
    path: string,
    importer: GoModule,
    local: ReadonlyMap<string, GoModule | 'outside'>,
  ): GoImport => {
    if (isWithin(path, importer.path)) {
      const inside = folderOf(path, importer.path, importer)
      if (moduleOf(inside) === importer) return { kind: 'local', directory: inside, module: importer }
    }
    for (let prefix = path; prefix !== ''; prefix = directoryOf(prefix)) {
      const module = local.get(prefix)
      if (module === 'outside') return { kind: 'outside' }
      if (module !== undefined) return { kind: 'local', directory: folderOf(path, prefix, module), module }
    }
    return { kind: 'foreign' }
  }

  return { moduleOf, workspaceOf, localModules, resolveImport, all: modules }
}

const folderOf = (importPath: string, modulePath: string, module: GoModule): string =>
  joinPath(module.directory, importPath.slice(modulePath.length).replace(/^\//, '')) ?? module.directory

export type GoModules = ReturnType<typeof createGoModules>
