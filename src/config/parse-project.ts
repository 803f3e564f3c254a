/** `trunkline.yaml` becomes a `Project`, or all the mistakes in it. */
import { type Problem, type Project, type TrunklineError, usageError } from '../model/index.ts'
import { buildProject } from './build-project.ts'
import { checkShape } from './check-shape.ts'
import { type CheckContext, checkNames, checks } from './checks/index.ts'
import type { PlacedMistake } from './explain-issue.ts'
import type { ProjectDocument } from './schema/project.ts'
import { blotCharacter } from './schema/secret.ts'
import { type Path, readYaml, type YamlSource } from './yaml-source.ts'

/** Nobody reads further. */
const mostProblems = 200

export type ProjectText = {
  text: string
  /** How people know the file: shown in every problem. */
  file: string
  /** Whether a file or folder is in the repository: paths that are not become problems. Without it nobody looks. */
  pathExists?: (path: string) => boolean
}

export type ParsedProject = { project: Project } | { problems: Problem[] }

/** Parses a configuration. Never throws: every mistake there is stands in `problems`, in the order of the file. */
export function parseProject({ text, file, pathExists }: ProjectText): ParsedProject {
  const source = readYaml(text, file)
  if (source.isBroken) return { problems: source.problems }
  if (!isMapping(source.data)) return { problems: [notAConfiguration(source)] }

  const shape = checkShape(source.data)
  const context = { data: source.data, pathExists: pathExists ?? null, originalPath: shape.originalPath }
  const mistakes = [
    ...shape.mistakes,
    ...checkNames(source.data),
    ...(shape.document === null ? [] : checkWhole(shape.document, context)),
  ]
  const unread = new Set(source.problems.map(position))
  const problems = [
    ...source.problems,
    // What could not be read cannot be judged either.
    ...mistakes.map((placed) => problemOf(placed, source)).filter((problem) => !unread.has(position(problem))),
  ]
  if (shape.document !== null && problems.length === 0) return { project: buildProject(shape.document) }
  return { problems: atMost(mostProblems, withoutSecretsOfNeighbours(inOrderOfFile(problems))) }
}

/** The project; a usage error `CONFIG_INVALID` that carries all problems where there are any. */
export function parseProjectOrThrow(projectText: ProjectText): Project {
  const parsed = parseProject(projectText)
  if ('project' in parsed) return parsed.project
  throw configError(parsed.problems, projectText.file)
}

function configError(problems: Problem[], file: string): TrunklineError {
  const [first] = problems
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`
  const place = first?.location?.line === undefined ? file : `${file}:${first.location.line}:${first.location.column}`
  return usageError('CONFIG_INVALID', `${file} has ${count}: ${first?.message} (${place})`, {
    problems,
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    ...(first?.location === undefined ? {} : { location: first.location }),
  })
}

const isMapping = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data)

function notAConfiguration(source: YamlSource): Problem {
  const isEmpty = source.data === null
  return {
    code: isEmpty ? 'EMPTY_FILE' : 'WRONG_TYPE',
    message: isEmpty ? 'the configuration is empty' : 'a configuration is a mapping of keys to values',
    hint: 'it begins with `project: <name>` and `services:`',
    location: source.locate([]),
  }
}

type WholeContext = {
  data: Record<string, unknown>
  pathExists: CheckContext['pathExists']
  originalPath(path: Path): Path
}

/** What must hold between parts; paths of mistakes lead into the file. */
function checkWhole(document: ProjectDocument, { data, pathExists, originalPath }: WholeContext): PlacedMistake[] {
  const keysAt = (path: Path): string[] => keysOf(valueAt(data, path))
  const context: CheckContext = {
    document,
    declared: {
      services: new Set(keysAt(['services'])),
      environments: new Set(keysAt(['environments'])),
      groups: new Set(keysAt(['people'])),
    },
    keysAt,
    pathExists,
  }
  return checks
    .flatMap((check) => [...check(context)])
    .map(({ path, mistake }) => ({ path: originalPath(path), mistake }))
}

const keysOf = (value: unknown): string[] => (isMapping(value) ? Object.keys(value) : [])

const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) => (isMapping(value) && Object.hasOwn(value, step) ? value[step] : undefined),
    data,
  )

function problemOf({ path, mistake }: PlacedMistake, source: YamlSource): Problem {
  const { code, message, hint, key, secret = false } = mistake
  const at = code === 'MISSING_KEY' ? path.slice(0, -1) : path
  return {
    code,
    message: message.replace('`{key}`', () => labelOf(path)).replace('`{parent}`', () => labelOf(path.slice(0, -1))),
    ...(hint === undefined ? {} : { hint }),
    location: source.locate(at, {
      ...(key === undefined ? {} : { key }),
      secret,
      at: pointsAtKey(code) ? 'key' : 'value',
    }),
  }
}

/** What is missing from a mapping, or wrong with it as a whole, is shown at the key that the mapping stands under. */
const pointsAtKey = (code: string): boolean =>
  ['MISSING_KEY', 'NOT_EXACTLY_ONE', 'NO_INPUTS', 'NO_TARGET', 'TARGET_MISSING', 'NO_SERVICES'].includes(code)

/** `replicas`, or `inputs[2]`. */
function labelOf(path: Path): string {
  const name = path.findLastIndex((step) => typeof step === 'string')
  if (name === -1) return 'the configuration'
  const indexes = path.slice(name + 1).map((step) => `[${step}]`)
  return `\`${path[name]}${indexes.join('')}\``
}

/** Each once, from the top of the file to its end. */
function inOrderOfFile(problems: readonly Problem[]): Problem[] {
  const distinct = new Map(problems.map((problem) => [`${position(problem)} ${problem.message}`, problem]))
  return [...distinct.values()].sort(
    (left, right) =>
      (left.location?.line ?? 0) - (right.location?.line ?? 0) ||
      (left.location?.column ?? 0) - (right.location?.column ?? 0),
  )
}

/** A line whose secret is blotted out in one problem shows it in no other. Blots are as long as what they hide. */
function withoutSecretsOfNeighbours(problems: readonly Problem[]): Problem[] {
  const masked = new Map<number | undefined, string>()
  for (const { location } of problems) {
    if (location?.source === undefined) continue
    masked.set(location.line, overlay(masked.get(location.line) ?? location.source, location.source))
  }
  return problems.map((problem) => {
    const source = masked.get(problem.location?.line)
    return problem.location?.source === undefined || source === undefined
      ? problem
      : { ...problem, location: { ...problem.location, source } }
  })
}

const overlay = (left: string, right: string): string =>
  left === right
    ? left
    : left.replace(/./gs, (character, index: number) => (right[index] === blotCharacter ? blotCharacter : character))

/** What is left over is counted in one last problem. */
function atMost(most: number, problems: Problem[]): Problem[] {
  const next = problems[most]
  if (next === undefined) return problems
  const rest: Problem = {
    code: 'MORE_PROBLEMS',
    message: `and ${problems.length - most} more mistakes from here on`,
    ...(next.location === undefined ? {} : { location: next.location }),
  }
  return [...problems.slice(0, most), rest]
}

const position = ({ location }: Problem): string => `${location?.line}:${location?.column}`
