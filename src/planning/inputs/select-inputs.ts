/** Which files belong to each service's build, checks and deployment. Pure: a tree and a few contents in, reasons with every file. */
import {
  type EnvironmentName,
  type Input,
  type Project,
  type Reason,
  reason,
  type Service,
  type ServiceName,
  type Tree,
  type TreeEntry,
} from '../../model/index.ts'
import { ownerOf } from './artifact-owner.ts'
import { type Claim, createClaim, type Inference } from './claim.ts'
import { type CommitView, createCommitView, type FileContents } from './commit-view.ts'
import { readingOf } from './files-to-read.ts'
import { createGathering, type Gathering } from './gathering.ts'
import { normalizePattern } from './path-pattern.ts'
import { projectFile } from './project-file.ts'
import { everythingBelow } from './repository-path.ts'
import { SelectedFiles } from './selected-files.ts'
import type { InputRule, Selection, ServiceInputs } from './selected-input.ts'

type Excluded = ReadonlyArray<ReadonlySet<number>>

/**
 * Selects every service's inputs. `contents` must hold what `filesToRead` asks for; what is missing is noted.
 * `checkInputs`, `deployInputs`, `ignore` and the environments' own overlays are subtracted from inputs.
 */
export function selectInputs(project: Project, tree: Tree, contents: FileContents): Selection {
  const { view, infer } = readingOf(project, tree, contents)
  const gathering = createGathering(view)
  const shared = project.shared.map((input) => claimOf(view, input, 'shared'))
  const projectNotes = [
    ...project.shared.flatMap((input) => unmatchedNote(view, input.pattern, 'the shared input')),
    ...(project.prepare?.inputs ?? []).flatMap((pattern) => unmatchedNote(view, pattern, 'the input of prepare')),
  ]
  const overlays = overlayPositions(view, project)
  const prepare = selectPrepare(view, project, gathering)
  const sharers = sharersByOwner(project)

  const selected = new Map<ServiceName, ServiceInputs>()
  for (const service of Object.values(project.services)) {
    if (service.artifact.kind === 'of') continue
    selected.set(service.name, selectFor(service))
  }
  for (const service of Object.values(project.services)) {
    if (service.artifact.kind !== 'of') continue
    const owner = ownerOf(project, service.name)
    const own = selectFor(service)
    selected.set(service.name, { ...own, inputs: selected.get(owner)?.inputs ?? own.inputs })
  }
  const unread = unreadNote(view)
  return Object.fromEntries(
    Object.keys(project.services).flatMap((name) => {
      const inputs = selected.get(name)
      return inputs === undefined ? [] : [[name, { ...inputs, notes: [...inputs.notes, ...unread] }]]
    }),
  )

  function selectFor(service: Service): ServiceInputs {
    const notes: Reason[] = []
    const never = [positionsOf(view, service.ignore), overlays]
    const inference = infer(service)
    const inputs =
      service.artifact.kind === 'of' ? SelectedFiles.none(view.tree) : selectBuild(service, inference, never, notes)
    const checkInputs = selectChecks(service, inference, never, notes)
    const deployInputs = gathering.gather(patternClaims(view, service.deployInputs), never, notes)
    notes.push(...inference.notes, ...declarationNotes(service), ...projectNotes)
    return {
      inputs,
      checkInputs: checkInputs.without(inputs),
      deployInputs,
      prepare,
      notes: distinct(notes),
    }
  }

  function selectBuild(service: Service, inference: Inference, never: Excluded, notes: Reason[]): SelectedFiles {
    const own = buildClaims(service)
    const tests = unlessDeclared(inference.checkOnly, own)
    return gathering.gather(
      [...own, ...shared, ...inference.claims],
      [...never, ...excludedByGroup(service), tests],
      notes,
    )
  }

  function selectChecks(service: Service, inference: Inference, never: Excluded, notes: Reason[]): SelectedFiles {
    const declared = patternClaims(view, service.checkInputs)
    const tests = inference.checkOnly.length === 0 ? [] : [ownTests(service, inference.checkOnly)]
    return gathering.gather([...declared, ...tests, ...inference.checkClaims], never, notes)
  }

  function buildClaims(service: Service): Claim[] {
    return [
      ...service.inputs.map((input) => claimOf(view, input, 'declared')),
      ...(service.path === null ? [] : [pathClaim(view, service.path)]),
    ]
  }

  /** Tests and manifests of all services that run this artifact: none of them is built into it. */
  function excludedByGroup(service: Service): Array<ReadonlySet<number>> {
    return [service, ...(sharers.get(service.name) ?? [])].flatMap((one) => [
      positionsOf(view, one.checkInputs),
      positionsOf(
        view,
        one.deployInputs.filter((pattern) => !isReadByBuild(one, pattern)),
      ),
    ])
  }

  /** The Serverless framework packages by what it deploys by. */
  function isReadByBuild({ run }: Service, pattern: string): boolean {
    return run?.kind === 'serverless' && [run.config, ...run.files].includes(pattern)
  }

  function declarationNotes(service: Service): Reason[] {
    return [
      ...(service.path === null || pathClaim(view, service.path).positions.length > 0
        ? []
        : [
            reason('path-missing', `the folder ${service.path} of ${service.name} is not in the commit`, {
              input: service.path,
            }),
          ]),
      ...service.inputs.flatMap((input) => unmatchedNote(view, input.pattern, 'the input')),
      ...service.checkInputs.flatMap((pattern) => unmatchedNote(view, pattern, 'the check input')),
      ...service.deployInputs.flatMap((pattern) => unmatchedNote(view, pattern, 'the deploy input')),
    ]
  }
}

/** Paths only one environment sees (`environments.<name>.deployInputs`). */
export function selectOverlays(project: Project, tree: Tree): Record<EnvironmentName, TreeEntry[]> {
  const view = createCommitView(tree, new Map())
  return Object.fromEntries(
    Object.values(project.environments).map((environment) => [
      environment.name,
      [...positionsOf(view, environment.recipe.deployInputs)].sort((left, right) => left - right).map(view.entry),
    ]),
  )
}

/** Services that run another's artifact, by the service that builds it. */
function sharersByOwner(project: Project): ReadonlyMap<ServiceName, Service[]> {
  const sharers = Object.values(project.services).filter((service) => service.artifact.kind === 'of')
  return Map.groupBy(sharers, (service) => ownerOf(project, service.name))
}

function claimOf(view: CommitView, input: Input, rule: InputRule): Claim {
  const positions = view.match(input.pattern)
  const shown = normalizePattern(input.pattern)
  const itself = view.find(shown)
  const isFolder = !(itself >= 0 && positions.includes(itself)) && view.isDirectory(shown)
  return createClaim({
    positions,
    input: isFolder ? everythingBelow(shown) : input.pattern,
    rule,
    ...(input.keys === undefined ? {} : { keys: input.keys }),
  })
}

const patternClaims = (view: CommitView, patterns: readonly string[]): Claim[] =>
  patterns.map((pattern) => claimOf(view, { pattern }, 'declared'))

/** A service's folder is a name, never a glob. */
function pathClaim(view: CommitView, path: string): Claim {
  const folder = normalizePattern(path)
  const { start, end } = view.rangeBelow(folder)
  const itself = folder === '' ? -1 : view.find(folder)
  const positions = itself < 0 ? [] : [itself]
  const project = folder === '' ? view.find(projectFile) : -1
  for (let position = start; position < end; position += 1) if (position !== project) positions.push(position)
  return createClaim({ positions, input: everythingBelow(folder), rule: 'path' })
}

function selectPrepare(view: CommitView, project: Project, gathering: Gathering): SelectedFiles {
  if (project.prepare === null) return SelectedFiles.none(view.tree)
  const claims = project.prepare.inputs.map((pattern) => claimOf(view, { pattern }, 'prepare'))
  return gathering.gather(claims, [], [])
}

function overlayPositions(view: CommitView, project: Project): ReadonlySet<number> {
  return positionsOf(
    view,
    Object.values(project.environments).flatMap((environment) => environment.recipe.deployInputs),
  )
}

function positionsOf(view: CommitView, patterns: readonly string[]): ReadonlySet<number> {
  const positions = new Set<number>()
  for (const pattern of patterns) for (const position of view.match(pattern)) positions.add(position)
  return positions
}

/** Test files leave the build unless an input declares them. */
function unlessDeclared(tests: readonly number[], claims: readonly Claim[]): ReadonlySet<number> {
  const declared = new Set(claims.filter((claim) => claim.rule === 'declared').flatMap((claim) => [...claim.positions]))
  return new Set(tests.filter((position) => !declared.has(position)))
}

const ownTests = (service: Service, positions: readonly number[]): Claim =>
  createClaim({
    positions,
    input: everythingBelow(service.path ?? ''),
    rule: 'go-test',
    because: 'only go test reads it',
  })

function unmatchedNote(view: CommitView, pattern: string, what: string): Reason[] {
  if (view.match(pattern).length > 0) return []
  const hint = pattern.startsWith('!')
    ? 'Patterns are not negated by !: name what does not count under ignore.'
    : 'Mend or remove it; names are case-sensitive and relative to the root of the repository.'
  return [reason('input-matches-nothing', `${what} ${pattern} matches nothing`, { input: pattern, hint })]
}

function unreadNote(view: CommitView): Reason[] {
  const [first] = view.wanted
  if (first === undefined) return []
  const { path } = view.entry(first)
  const others = view.wanted.size === 1 ? '' : ` and ${view.wanted.size - 1} more`
  return [
    reason('inference-incomplete', `${path}${others} could not be read: inferred inputs may be incomplete`, {
      file: path,
      hint: 'Declare what the build needs under inputs.',
    }),
  ]
}

const distinct = (notes: readonly Reason[]): Reason[] => [
  ...new Map(notes.map((note) => [`${note.code}\0${note.message}`, note])).values(),
]
