/** tsconfig.json files that a build reads beyond its folder: `extends` chains and project `references`. */
import { reason, type Service } from '../../../model/index.ts'
import { claimFile, type FolderClaims, type Inference, nothingInferred } from '../claim.ts'
import type { CommitView } from '../commit-view.ts'
import { directoryOf, everythingBelow, isWithin, joinPath } from '../repository-path.ts'
import { isTable, parseJsonTable, stringIn, stringsOf, type Table, tableIn } from './structured-text.ts'

type Link = { target: string; kind: 'extends' | 'references' }

/** More files than this in one chain is a mistake in the chain. */
const maximumFiles = 1_000

export function createTsconfigRule(view: CommitView, claimFolder: FolderClaims) {
  const parsed = new Map<string, Table | null>()
  const content = (path: string): Table | null => {
    const known = parsed.get(path)
    if (known !== undefined) return known
    const text = view.read(path)
    const table = text === null ? null : parseJsonTable(text)
    parsed.set(path, table)
    return table
  }

  /** `folders`: the service's own and those that other rules claimed whole. */
  return (service: Service, folders: readonly string[]): Inference => {
    const queue = [service.path, ...folders].flatMap((folder) => (folder === null ? [] : configsIn(view, folder)))
    if (queue.length === 0) return nothingInferred
    const inference: Inference = { claims: [], checkClaims: [], checkOnly: [], folders: [], notes: [] }
    const known = [...(service.path === null ? [] : [service.path]), ...folders]
    const isKnown = (path: string): boolean => known.some((folder) => isWithin(path, folder))
    const visited = new Set<string>()
    while (queue.length > 0 && visited.size < maximumFiles) {
      const config = queue.shift()
      if (config === undefined || visited.has(config)) continue
      visited.add(config)
      const table = content(config)
      if (table === null) continue
      for (const link of linksOf(table)) follow(config, link)
      notePaths(config, table)
    }
    return inference

    function follow(config: string, link: Link): void {
      const path = joinPath(directoryOf(config), link.target)
      if (path === null) {
        inference.notes.push(
          reason('tsconfig-outside', `${config} ${verb(link)} ${link.target}, which is outside the repository`, {
            file: config,
          }),
        )
        return
      }
      const file = link.kind === 'extends' ? extendedFile(view, path) : referencedFile(view, path)
      if (file === null) {
        inference.notes.push(
          reason('tsconfig-missing', `${config} ${verb(link)} ${link.target}, and there is no such file`, {
            file: config,
          }),
        )
        return
      }
      const because = `${config} ${verb(link)} it`
      if (!isKnown(file)) {
        if (link.kind === 'references' && !isWithin(config, directoryOf(file))) {
          // The compiler reads the whole referenced project.
          const folder = directoryOf(file)
          inference.claims.push(claimFolder(folder, { rule: 'tsconfig', because }))
          known.push(folder)
        } else {
          inference.claims.push(...claimFile(view, file, { rule: 'tsconfig', because }))
        }
      }
      queue.push(file)
    }

    /** `paths` map imports, and only imports tell whether a mapping is used: what leads elsewhere is said, not taken. */
    function notePaths(config: string, table: Table): void {
      const options = tableIn(table, 'compilerOptions')
      const base = joinPath(directoryOf(config), stringIn(options, 'baseUrl') ?? '.')
      if (base === null) return
      const elsewhere = new Set<string>()
      for (const targets of Object.values(tableIn(options, 'paths'))) {
        for (const target of stringsOf(targets)) {
          const path = joinPath(base, target.replace(/\*.*$/, ''))
          if (path !== null && path !== '' && view.isDirectory(path) && !isKnown(path)) elsewhere.add(path)
        }
      }
      // A config above all services maps every package; only a service's own mapping is a hint about this service.
      if (elsewhere.size === 0 || service.path === null || !isWithin(config, service.path)) return
      const [example = ''] = elsewhere
      inference.notes.push(
        reason(
          'tsconfig-paths',
          `${config} maps imports to ${[...elsewhere].slice(0, 3).join(', ')}, which is no input`,
          {
            file: config,
            hint: `If the service imports from there, add ${everythingBelow(example)} to its inputs.`,
          },
        ),
      )
    }
  }
}

const verb = (link: Link): string => (link.kind === 'extends' ? 'extends' : 'references')

const configsIn = (view: CommitView, folder: string): string[] =>
  view.childrenNamed(folder, /^tsconfig(?:\.[\w.-]+)?\.json$/).map((position) => view.entry(position).path)

/** Only relative targets: a package's config comes with the package, which is a workspace or in the lockfile. */
function linksOf(table: Table): Link[] {
  const bases = stringsOf(table['extends']).filter((target) => /^(?:\.{1,2}(?:\/|$)|\/)/.test(target))
  const references = Array.isArray(table['references']) ? table['references'] : []
  return [
    ...bases.map((target): Link => ({ target, kind: 'extends' })),
    ...references.flatMap((item): Link[] => {
      const target = isTable(item) ? stringIn(item, 'path') : null
      return target === null ? [] : [{ target, kind: 'references' }]
    }),
  ]
}

const existing = (view: CommitView, candidates: readonly string[]): string | null =>
  candidates.find((path) => view.find(path) >= 0) ?? null

const extendedFile = (view: CommitView, path: string): string | null =>
  existing(view, [path, `${path}.json`, `${path}/tsconfig.json`])

const referencedFile = (view: CommitView, path: string): string | null =>
  existing(view, [path, path === '' ? 'tsconfig.json' : `${path}/tsconfig.json`])
