/** What a Node service is built from: the workspaces it depends on, and the files that decide what is installed. */
import { type Project, reason, type Service } from '../../../model/index.ts'
import { type Claim, claimFile, createClaim, type FolderClaims, type Inference, nothingInferred } from '../claim.ts'
import type { CommitView } from '../commit-view.ts'
import { ancestorsOf, folderName, isWithin, joinPath } from '../repository-path.ts'
import { createNpmPackages, localDependency, type NpmPackage, type NpmWorkspace } from './npm-package.ts'
import { programOf, simpleCommands } from './simple-commands.ts'
import { stringIn, tableIn } from './structured-text.ts'

const lockfiles = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
] as const

/** Settings that the package managers read beside the root's package.json. */
const settings = ['.npmrc', '.yarnrc.yml', '.yarnrc', 'pnpm-workspace.yaml', '.pnpmfile.cjs', 'bunfig.toml'] as const

/** Yarn's own release, plugins and patches are committed and run during an install. */
const yarnFolders = ['.yarn/releases', '.yarn/plugins', '.yarn/patches'] as const

const packageManagers: ReadonlySet<string> = new Set(['npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'bun', 'bunx'])

export function createNpmRule(view: CommitView, project: Project, claimFolder: FolderClaims) {
  for (const position of view.named('package.json')) view.want(position)
  const packages = createNpmPackages(view)
  const rootClaims = new Map<string, Claim[]>()
  const servicePaths = new Set(Object.values(project.services).map((service) => service.path))

  const versionOf = (directory: string): string | null => {
    const found = packages.packageIn(directory)
    return found === null || found === 'unreadable' ? null : found.version
  }

  return (service: Service): Inference => {
    const home = homePackage(service)
    if (home === null) return nothingInferred
    const inference: Inference = { claims: [], checkClaims: [], checkOnly: [], folders: [], notes: [] }
    const first = packages.packageIn(home)
    if (first === null) return nothingInferred
    if (first === 'unreadable') {
      const file = home === '' ? 'package.json' : `${home}/package.json`
      inference.notes.push(
        reason('package-json-unreadable', `${file} is not JSON: what it depends on is unknown`, { file }),
      )
      return inference
    }
    const workspace = packages.workspaceOf(home)
    if (!isInOwnFolder(service, home)) {
      const because = `it is the nearest package.json of ${folderName(service.path ?? '')}`
      inference.claims.push(...claimFile(view, first.manifest, { rule: 'npm-workspace', because }))
    }
    const root = workspace?.root ?? home
    inference.claims.push(...claimsOfRoot(root, workspace === null ? null : first))
    followDependencies(service, first, workspace, inference)
    return inference
  }

  /** Folder of the package that a service is (in); null where it is no Node service. */
  function homePackage(service: Service): string | null {
    const nearest = packages.nearestPackage(service.path ?? '')
    if (nearest === null) return null
    if (service.path !== null && nearest === service.path) return nearest
    // A folder inside a workspace is part of it. The root's package.json above a Go or Python service proves nothing,
    // unless the service's own commands run a package manager.
    const workspace = packages.workspaceOf(nearest)
    const isInsideWorkspace = service.path !== null && workspace !== null && workspace.root !== nearest
    return isInsideWorkspace || runsPackageManager(service) ? nearest : null
  }

  function claimsOfRoot(root: string, member: NpmPackage | null): Claim[] {
    const known = rootClaims.get(root)
    if (known !== undefined) return known
    const inRoot = (name: string): string => (root === '' ? name : `${root}/${name}`)
    const because =
      member === null
        ? `it decides what ${inRoot('package.json')} installs`
        : `it decides what the workspaces of ${inRoot('package.json')} install`
    const why = { rule: 'npm-lockfile', because } as const
    const claims = ['package.json', ...lockfiles, ...settings].flatMap((name) => claimFile(view, inRoot(name), why))
    for (const folder of yarnFolders) {
      if (view.isDirectory(inRoot(folder))) claims.push(claimFolder(inRoot(folder), why))
    }
    claims.push(...patchClaims(root))
    rootClaims.set(root, claims)
    return claims
  }

  /** Patches that pnpm and Bun apply to what they install (`patchedDependencies`). */
  function patchClaims(root: string): Claim[] {
    const found = packages.packageIn(root)
    if (found === null || found === 'unreadable') return []
    const patched = {
      ...tableIn(found.content, 'patchedDependencies'),
      ...tableIn(tableIn(found.content, 'pnpm'), 'patchedDependencies'),
    }
    return Object.keys(patched).flatMap((name) => {
      const path = joinPath(root, stringIn(patched, name) ?? '')
      const because = `${found.manifest} patches ${name} with it`
      return path === null ? [] : claimFile(view, path, { rule: 'npm-lockfile', because })
    })
  }

  function followDependencies(
    service: Service,
    first: NpmPackage,
    workspace: NpmWorkspace | null,
    inference: Inference,
  ): void {
    const reached = new Set([first.directory])
    const queue: NpmPackage[] = [first]
    for (let current = queue.shift(); current !== undefined; current = queue.shift()) {
      for (const dependency of current.dependencies) {
        const directory = localDependency(current, dependency, workspace, versionOf)
        if (directory === null) continue
        const because = `${current.manifest} depends on ${dependency.name}`
        if (directory === 'outside') {
          inference.notes.push(
            reason('dependency-outside', `${because} at ${dependency.spec}, which is outside the repository`, {
              file: current.manifest,
            }),
          )
          continue
        }
        if (reached.has(directory)) continue
        reached.add(directory)
        const next = claimDependency(service, directory, because, dependency.spec, current.manifest, inference)
        if (next !== null) queue.push(next)
      }
    }
  }

  function claimDependency(
    service: Service,
    directory: string,
    because: string,
    spec: string,
    manifest: string,
    inference: Inference,
  ): NpmPackage | null {
    const file = view.find(directory)
    if (file >= 0 && view.entry(file).mode !== 'symlink') {
      // `file:vendor/x.tgz`: one file, nothing to look into.
      inference.claims.push(createClaim({ positions: [file], input: directory, rule: 'npm-workspace', because }))
      return null
    }
    if (file < 0 && !view.isDirectory(directory)) {
      inference.notes.push(
        reason('dependency-missing', `${because} at ${spec}, and there is nothing`, {
          file: manifest,
          hint: 'If it is generated, declare what it is generated from under inputs.',
        }),
      )
      return null
    }
    if (isWithin(service.path ?? directory, directory) && service.path !== null && service.path !== directory) {
      inference.notes.push(
        reason(
          'dependency-holds-service',
          `${because}, a folder that holds the service itself: it is not taken whole`,
          {
            file: manifest,
            hint: 'Declare the files the build needs under inputs.',
          },
        ),
      )
      return null
    }
    const isOwn = service.path !== null && isWithin(directory, service.path)
    if (!isOwn) inference.claims.push(claimFolder(directory, { rule: 'npm-workspace', because }))
    inference.folders.push(directory)
    const found = packages.packageIn(directory)
    return found === 'unreadable' ? null : found
  }

  function runsPackageManager(service: Service): boolean {
    // A package.json above that is another service's is not what the command means.
    const above = [...ancestorsOf(service.path ?? '')].filter((folder) => folder !== service.path && folder !== '')
    if (above.some((folder) => servicePaths.has(folder))) return false
    const runs = [service.build?.run ?? '', ...Object.values(service.checks).map((check) => check.run)]
    return runs.some((run) => simpleCommands(run).some((command) => packageManagers.has(programOf(command) ?? '')))
  }
}

const isInOwnFolder = (service: Service, directory: string): boolean =>
  service.path !== null && isWithin(directory, service.path)
