/** Python projects that depend on other folders of the repository: Poetry, uv, PDM, Pipenv, PEP 508 and requirements files. */
import { reason, type Service } from '../../../model/index.ts'
import { createClaim, type FolderClaims, type Inference, nothingInferred } from '../claim.ts'
import type { CommitView } from '../commit-view.ts'
import { ancestorsOf, directoryOf, folderName, isWithin, joinPath } from '../repository-path.ts'
import { isTable, parseTomlTable, stringIn, stringsOf, type Table, tableIn } from './structured-text.ts'

/** A dependency as written, and the file and folder it is relative to. */
type PathDependency = { file: string; written: string; kind: 'project' | 'requirements' }

/** Project files that one service's dependencies may lead through. */
const maximumFiles = 1_000

export function createPythonRule(view: CommitView, claimFolder: FolderClaims) {
  return (service: Service): Inference => {
    if (service.path === null || projectFiles(view, service.path).length === 0) return nothingInferred
    const own = service.path
    const inference: Inference = { claims: [], checkClaims: [], checkOnly: [], folders: [], notes: [] }
    const queue = projectFiles(view, own)
    const reached = new Set<string>(queue)
    for (let file = queue.shift(); file !== undefined && reached.size < maximumFiles; file = queue.shift()) {
      for (const dependency of readProjectFile(file)) {
        for (const next of claimDependency(dependency, own, inference)) {
          if (reached.has(next)) continue
          reached.add(next)
          queue.push(next)
        }
      }
    }
    return inference
  }

  function readProjectFile(file: string): PathDependency[] {
    const text = view.read(file)
    if (text === null) return []
    if (/\.(?:txt|in)$/.test(file)) return requirementPaths(file, text)
    const table = parseTomlTable(text)
    if (table === null) return []
    return [...tablePaths(file, table), ...uvWorkspacePaths(view, file, table)]
  }

  /** Claims what a dependency names; answers the files that may name further ones. */
  function claimDependency(dependency: PathDependency, own: string, inference: Inference): string[] {
    const { file, written } = dependency
    const because = `${file} depends on ${written}`
    const path = locate(view, dependency)
    if (path === 'outside' || path === null) {
      const where = path === null ? 'and there is nothing' : 'which is outside the repository'
      inference.notes.push(reason(`python-path-${path ?? 'missing'}`, `${because}, ${where}`, { file }))
      return []
    }
    const position = view.find(path)
    if (position >= 0 && view.entry(position).mode !== 'symlink') {
      if (!isWithin(path, own)) {
        inference.claims.push(createClaim({ positions: [position], input: path, rule: 'python-path', because }))
      }
      // `-r ../base.txt` brings its own lines.
      return dependency.kind === 'requirements' && /\.(?:txt|in)$/.test(path) ? [path] : []
    }
    if (path !== own && isWithin(own, path)) {
      const message = `${because}, ${folderName(path)} that holds the service itself: it is not taken whole`
      inference.notes.push(reason('dependency-holds-service', message, { file }))
      return []
    }
    if (!isWithin(path, own)) inference.claims.push(claimFolder(path, { rule: 'python-path', because }))
    return projectFiles(view, path)
  }
}

/** pyproject.toml, Pipfile and requirements files in the folder itself. */
const projectFiles = (view: CommitView, folder: string): string[] =>
  view
    .childrenNamed(folder, /^(?:pyproject\.toml|Pipfile|.*requirements.*\.(?:txt|in)|constraints.*\.txt)$/)
    .map((position) => view.entry(position).path)

/** Every `path = "…"` of the tables that hold dependencies, and PEP 508 lines with a `file:` address. */
function tablePaths(file: string, table: Table): PathDependency[] {
  const tool = tableIn(table, 'tool')
  const poetry = tableIn(tool, 'poetry')
  const groups = Object.values(tableIn(poetry, 'group')).map((group) => tableIn(group, 'dependencies'))
  const withPaths = [
    tableIn(poetry, 'dependencies'),
    tableIn(poetry, 'dev-dependencies'),
    ...groups,
    tableIn(tableIn(tool, 'uv'), 'sources'),
    tableIn(table, 'packages'),
    tableIn(table, 'dev-packages'),
  ]
  const paths = withPaths
    .flatMap((dependencies) => Object.values(dependencies))
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .flatMap((value) => (isTable(value) ? (stringIn(value, 'path') ?? []) : []))
  const lines = [
    ...stringsOf(tableIn(table, 'project')['dependencies']),
    ...Object.values(tableIn(tableIn(table, 'project'), 'optional-dependencies')).flatMap(stringsOf),
    ...Object.values(tableIn(table, 'dependency-groups')).flatMap(stringsOf),
    ...Object.values(tableIn(tableIn(tool, 'pdm'), 'dev-dependencies')).flatMap(stringsOf),
  ]
  return [...paths, ...lines.flatMap((line) => requirementPath(line) ?? [])].map((written) => ({
    file,
    written,
    kind: 'project',
  }))
}

/** `{ workspace = true }`: the member of that name, with the workspace's own pyproject.toml and lock. */
function uvWorkspacePaths(view: CommitView, file: string, table: Table): PathDependency[] {
  const sources = tableIn(tableIn(tableIn(table, 'tool'), 'uv'), 'sources')
  const names = Object.keys(sources).filter((name) => tableIn(sources, name)['workspace'] === true)
  const root = uvWorkspaceRoot(view, directoryOf(file))
  if (root === null) return []
  const inRoot = (path: string): string => (root.directory === '' ? path : `${root.directory}/${path}`)
  const wanted = new Set(names.map(normalName))
  const paths = [inRoot('pyproject.toml'), inRoot('uv.lock')].filter((path) => path !== file && view.find(path) >= 0)
  for (const glob of root.members) {
    for (const position of view.match(inRoot(`${glob}/pyproject.toml`))) {
      const manifest = view.entry(position).path
      const name = stringIn(tableIn(parseTomlTable(view.read(manifest) ?? ''), 'project'), 'name')
      if (name !== null && wanted.has(normalName(name))) paths.push(directoryOf(manifest))
    }
  }
  return paths.map((path) => ({ file, written: relativeTo(directoryOf(file), path), kind: 'project' }))
}

function uvWorkspaceRoot(view: CommitView, from: string): { directory: string; members: string[] } | null {
  for (const directory of ancestorsOf(from)) {
    const manifest = directory === '' ? 'pyproject.toml' : `${directory}/pyproject.toml`
    const text = view.find(manifest) < 0 ? null : view.read(manifest)
    const workspace = tableIn(tableIn(parseTomlTable(text ?? ''), 'tool'), 'uv')['workspace']
    if (!isTable(workspace)) continue
    const members = stringsOf(workspace['members'])
    const isMember = members.some((glob) =>
      view
        .match(`${directory === '' ? '' : `${directory}/`}${glob}/pyproject.toml`)
        .some((position) => directoryOf(view.entry(position).path) === from),
    )
    return directory === from || isMember ? { directory, members } : null
  }
  return null
}

/** PEP 503: names compare without case, and `-`, `_` and `.` are the same. */
const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-')

function relativeTo(directory: string, path: string): string {
  const up = directory === '' ? '' : '../'.repeat(directory.split('/').length)
  return `${up}${path}`
}

function requirementPaths(file: string, text: string): PathDependency[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .flatMap((line) => requirementPath(line.replace(/(?:^|\s)#.*$/, '').trim()) ?? [])
    .map((written) => ({ file, written, kind: 'requirements' }))
}

/** The path in one requirement line; null for everything that comes from an index or a URL. */
function requirementPath(line: string): string | null {
  const option = /^(?:-e|--editable|-r|--requirement|-c|--constraint)(?:\s+|=|(?=\.))(.+)$/.exec(line)?.[1]
  const body = (option ?? line).trim()
  const address = /(?:^|@\s*)(file:\S+)/.exec(body)?.[1]
  const written = address === undefined ? body.split(/\s*;\s|\s+--/)[0]?.trim() : address.replace(/^file:(?:\/\/)?/, '')
  if (written === undefined || written === '') return null
  const path = written
    .replace(/#.*$/, '')
    .replace(/\[[\w\s,.-]*\]$/, '')
    .replace(/^\$\{PROJECT_ROOT\}\/|^\{root:uri\}\//, '')
  if (/^\w+(?:\+\w+)?:/.test(path)) return null
  if (address !== undefined || option !== undefined || /^\.{1,2}(?:\/|$)/.test(path)) return path
  // `vendor/x.whl` is a path, `requests` is a name.
  return /\/|\.(?:whl|tar\.gz|zip)$/.test(path) && !path.includes('@') ? path : null
}

/** pip reads paths of a requirements file from where it runs, other tools from the file: the one that is there counts. */
function locate(view: CommitView, dependency: PathDependency): string | null | 'outside' {
  const fromFile = joinPath(directoryOf(dependency.file), dependency.written)
  const fromRoot = dependency.kind === 'requirements' ? joinPath('', dependency.written) : null
  if (fromFile === null && fromRoot === null) return 'outside'
  const isThere = (path: string | null): path is string =>
    path !== null && (view.find(path) >= 0 || view.isDirectory(path))
  return [fromFile, fromRoot].find(isThere) ?? null
}
