/** What a Go service is built from: the packages it imports, through all modules of the repository, and their go.mod. */
import { reason, type Service } from '../../../model/index.ts'
import { type Claim, claimFile, createClaim, type FolderClaims, type Inference, nothingInferred } from '../claim.ts'
import type { CommitView } from '../commit-view.ts'
import { directoryOf, everythingBelow, isWithin, joinPath } from '../repository-path.ts'
import { createGoModules, type GoModule, isIgnoredByGo } from './go-modules.ts'
import { createGoPackages, type GoPackage, goTestEnding, packageInput } from './go-package.ts'
import { programOf, simpleCommands } from './simple-commands.ts'

/** Up to this many Go files of a module are fetched in one batch; larger modules are read along their imports. */
const maximumBatch = 5_000

type Visit = { package: GoPackage; module: GoModule; main: GoModule; isForBuild: boolean }

export function createGoRule(view: CommitView, claimFolder: FolderClaims) {
  const modules = createGoModules(view)
  const packageIn = createGoPackages(view)
  const localModules = new Map<GoModule, ReturnType<typeof modules.localModules>>()
  const batched = new Set<GoModule>()

  if (view.matchHere('**/*.go').length === 0) return () => nothingInferred

  return (service: Service): Inference => {
    const roots = rootPackages(service)
    if (roots.build.size + roots.checks.size === 0) return nothingInferred
    const inference: Inference = {
      claims: [],
      checkClaims: [],
      checkOnly: testFilesBelow(service.path),
      folders: [],
      notes: [],
    }
    const mains = new Set<GoModule>()
    const withoutModule: string[] = []
    const visits: Visit[] = []
    const visit = (directory: string, isForBuild: boolean) => {
      const main = modules.moduleOf(directory)
      if (main === null) {
        withoutModule.push(directory)
        return
      }
      mains.add(main)
      wantModule(main)
      const found = packageIn(directory)
      if (found !== null) visits.push({ package: found, module: main, main, isForBuild })
    }
    for (const directory of roots.build) visit(directory, true)
    for (const directory of roots.checks) visit(directory, false)
    if (withoutModule[0] !== undefined) {
      inference.notes.push(
        reason('go-without-module', `${packageInput(withoutModule[0])} belongs to no go.mod: its imports are unknown`, {
          file: withoutModule[0],
          hint: 'Declare what it imports under inputs.',
        }),
      )
    }
    const reached = followImports(service, visits, inference)
    for (const main of mains) inference.claims.push(...moduleClaims(main, reached))
    return inference
  }

  /** Packages a service starts from: all below its folder, and those its commands name. */
  function rootPackages(service: Service): { build: Set<string>; checks: Set<string> } {
    const build = new Set(service.path === null ? [] : packageFoldersBelow(service.path))
    for (const directory of namedPackages(service.build?.run ?? '', service.path)) build.add(directory)
    const checks = new Set<string>()
    for (const check of Object.values(service.checks)) {
      for (const directory of namedPackages(check.run, service.path)) if (!build.has(directory)) checks.add(directory)
    }
    return { build, checks }
  }

  /**
   * Packages that `go build ./cmd/x` and its like name. `./...` above the service's folder means whatever is laid
   * down for the build, so it adds nothing; only a service without a folder has nothing else to go by.
   */
  function namedPackages(run: string, path: string | null): string[] {
    const named: string[] = []
    for (const command of simpleCommands(run)) {
      if (programOf(command) !== 'go' || command.directory === null) continue
      if (!/^(?:build|install|run|test|vet)$/.test(command.words[1] ?? '')) continue
      for (const word of command.words.slice(2)) {
        if (word === null || !/^\.{1,2}(?:\/|$)/.test(word)) continue
        const isDeep = word.endsWith('/...')
        const directory = joinPath(command.directory, isDeep ? word.slice(0, -'/...'.length) : word)
        if (directory === null) continue
        if (!isDeep) named.push(word.endsWith('.go') ? directoryOf(directory) : directory)
        else if (path === null || isWithin(directory, path)) named.push(...packageFoldersBelow(directory))
      }
    }
    return named.filter((directory) => packageIn(directory) !== null)
  }

  function packageFoldersBelow(folder: string): string[] {
    const folders = new Set<string>()
    for (const position of view.endingBelow(folder, '.go')) {
      const { path } = view.entry(position)
      const directory = directoryOf(path)
      const inside = directory.slice(folder === '' ? 0 : folder.length + 1)
      if (!isIgnoredByGo(inside)) folders.add(directory)
    }
    return [...folders]
  }

  function testFilesBelow(path: string | null): number[] {
    return path === null ? [] : [...view.endingBelow(path, goTestEnding)]
  }

  /** Asks for a module's sources at once, so that a clone without blobs fetches them in one go. */
  function wantModule(module: GoModule): void {
    if (batched.has(module)) return
    batched.add(module)
    const sources = view
      .endingBelow(module.directory, '.go')
      .filter((position) => !isIgnoredByGo(directoryOf(view.entry(position).path)))
    if (sources.length <= maximumBatch) for (const position of sources) view.want(position)
  }

  /** Claims what is imported, transitively; a package reached by a test only is claimed for checks. */
  function followImports(service: Service, start: readonly Visit[], inference: Inference): Set<GoModule> {
    const builds = new Map<string, boolean>()
    const reachedModules = new Set<GoModule>()
    const noted = new Set<string>()
    const queue = [...start]
    for (const { package: root, isForBuild } of start) {
      builds.set(root.directory, isForBuild)
      claimPackage(service, root, isForBuild, 'a command of the service names it', inference)
    }
    for (let visit = queue.shift(); visit !== undefined; visit = queue.shift()) {
      for (const [path, file] of visit.package.imports) enter(visit, path, file, visit.isForBuild)
      for (const [path, file] of visit.package.testImports) enter(visit, path, file, false)
      noteUncertain(visit.package, inference)
    }
    return reachedModules

    function enter(visit: Visit, path: string, file: string, isForBuild: boolean): void {
      const local = localOf(visit.main)
      const target = modules.resolveImport(path, visit.module, local)
      if (target.kind === 'foreign') return
      if (target.kind === 'outside') {
        if (noted.has(path)) return
        noted.add(path)
        const message = `${file} imports ${path}, which go.mod replaces by a folder outside the repository`
        inference.notes.push(reason('go-replacement-outside', message, { file }))
        return
      }
      // A package that tests reached first is entered again when the build reaches it.
      const earlier = builds.get(target.directory)
      if (earlier === true || (earlier === false && !isForBuild)) return
      const found = packageIn(target.directory)
      if (found === null) {
        if (!noted.has(path)) noteMissing(path, file, inference)
        noted.add(path)
        return
      }
      builds.set(target.directory, isForBuild)
      reachedModules.add(target.module)
      wantModule(target.module)
      claimPackage(service, found, isForBuild, `${file} imports ${path}`, inference)
      queue.push({ package: found, module: target.module, main: visit.main, isForBuild })
    }
  }

  function localOf(main: GoModule) {
    const known = localModules.get(main)
    if (known !== undefined) return known
    const local = modules.localModules(main)
    localModules.set(main, local)
    return local
  }

  function claimPackage(
    service: Service,
    found: GoPackage,
    isForBuild: boolean,
    because: string,
    inference: Inference,
  ): void {
    const { directory } = found
    const claims = isForBuild ? inference.claims : inference.checkClaims
    const testClaims = inference.checkClaims
    if (service.path === null || !isWithin(directory, service.path)) {
      const input = packageInput(directory)
      claims.push(createClaim({ positions: found.sources, input, rule: 'go-package', because }))
      testClaims.push(createClaim({ positions: found.tests, input, rule: 'go-test', because: `it tests ${directory}` }))
      const testdata = directory === '' ? 'testdata' : `${directory}/testdata`
      if (view.isDirectory(testdata)) {
        testClaims.push(claimFolder(testdata, { rule: 'go-test', because: `tests of ${directory} may read it` }))
      }
    }
    const embedding = `${packageInput(directory)} embeds it`
    claims.push(...embedClaims(found.embedded, directory, embedding))
    testClaims.push(...embedClaims(found.embeddedByTests, directory, embedding))
  }

  /** go.mod and go.sum of every module the build loads; go.work and the go.mod files it uses; what is vendored. */
  function moduleClaims(main: GoModule, reached: ReadonlySet<GoModule>): Claim[] {
    const claims: Claim[] = []
    const files = (directory: string, names: readonly string[], because: string) => {
      for (const name of names) {
        claims.push(
          ...claimFile(view, directory === '' ? name : `${directory}/${name}`, { rule: 'go-module', because }),
        )
      }
    }
    const vendored = (directory: string) => {
      const folder = directory === '' ? 'vendor' : `${directory}/vendor`
      if (view.find(`${folder}/modules.txt`) >= 0) {
        claims.push(claimFolder(folder, { rule: 'go-module', because: `${folder}/modules.txt vendors it` }))
      }
    }
    const belongs = `the module ${main.path}`
    files(main.directory, ['go.mod', 'go.sum'], `it decides the versions of ${belongs}`)
    const workspace = modules.workspaceOf(main)
    vendored(workspace?.directory ?? main.directory)
    if (workspace !== null) {
      files(workspace.directory, ['go.work', 'go.work.sum'], `it uses ${belongs}`)
      for (const use of workspace.uses) files(use, ['go.mod', 'go.sum'], 'go.work uses it')
    }
    for (const module of new Set([...localOf(main).values(), ...reached])) {
      if (module === 'outside' || module === main) continue
      files(module.directory, ['go.mod', 'go.sum'], `${belongs} is built with ${module.path}`)
    }
    return claims
  }
}

const embedClaims = (positions: readonly number[], directory: string, because: string): Claim[] =>
  positions.length === 0
    ? []
    : [createClaim({ positions, input: everythingBelow(directory), rule: 'go-embed', because })]

function noteMissing(path: string, file: string, inference: Inference): void {
  inference.notes.push(
    reason('go-package-missing', `${file} imports ${path}, and there is no such package in the repository`, {
      file,
      hint: 'If it is generated, declare what it is generated from under inputs.',
    }),
  )
}

function noteUncertain(found: GoPackage, inference: Inference): void {
  for (const { file, pattern } of found.unmatched) {
    inference.notes.push(
      reason('go-embed-missing', `${file} embeds ${pattern}, which matches nothing in the repository`, {
        file,
        hint: 'If it is generated, declare what it is generated from under inputs.',
      }),
    )
  }
  if (found.includesOutside !== null) {
    inference.notes.push(
      reason('go-cgo-include', `${found.includesOutside} includes C from another folder, which is not followed`, {
        file: found.includesOutside,
        hint: 'Declare that folder under inputs.',
      }),
    )
  }
}
