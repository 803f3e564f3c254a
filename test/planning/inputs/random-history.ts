/** Random changes of one small repository: contents, modes, links, files that come and go, and what decides inputs. */
import fc from 'fast-check'
import type { PathChange, TreeEntry } from '../../../src/model/index.ts'
import { type Files, projectOf, serviceOf, treeOf } from './tiny-repository.ts'

/** Services with a folder, declared files, keys of a file, tests, a manifest, a need, another's artifact. */
export const historyProject = projectOf(
  [
    serviceOf('carts', {
      inputs: [{ pattern: 'packages/common/**' }, { pattern: 'versions.env', keys: ['CARTS'] }],
      checkInputs: ['services/carts/test/**'],
      deployInputs: ['services/carts/chart.yaml'],
    }),
    serviceOf('email', { needs: ['carts'] }),
    serviceOf('worker', { path: null, artifact: { kind: 'of', service: 'carts' } }),
  ],
  { shared: [{ pattern: 'shared.txt' }] },
)

const names = [
  'services/carts/main.ts',
  'services/carts/test/main.test.ts',
  'services/carts/chart.yaml',
  'services/carts/package.json',
  'services/email/main.ts',
  'services/email/sub/deep.ts',
  'packages/common/index.ts',
  'packages/log/index.ts',
  'packages/log/package.json',
  'package.json',
  'shared.txt',
  'versions.env',
  'docs/readme.md',
] as const

const contents: Record<string, string[]> = {
  'package.json': ['{"workspaces":["services/*","packages/*"]}', '{}'],
  'services/carts/package.json': ['{"name":"carts","dependencies":{"@shop/log":"*"}}', '{"name":"carts"}'],
  'packages/log/package.json': ['{"name":"@shop/log"}', '{"name":"@shop/other"}'],
  'versions.env': ['CARTS=1\nEMAIL=1\n', 'CARTS=1\nEMAIL=2\n', 'CARTS=2\n'],
}

const anyFile = (name: string) => {
  const content = fc.constantFrom(...(contents[name] ?? ['one', 'two', 'three']))
  const other = fc.constantFrom<Files[string]>(
    { mode: 'executable', content: 'one' },
    { mode: 'symlink', content: 'main.ts' },
    { mode: 'submodule', content: '1' },
  )
  return fc.oneof({ weight: 8, arbitrary: content }, { weight: 1, arbitrary: other })
}
/** One path, and what it is afterwards; null: gone. */
export const someChange = fc
  .constantFrom(...names)
  .chain((name) => fc.record({ name: fc.constant(name), to: fc.option(anyFile(name), { freq: 6 }) }))

export const start: Files = Object.fromEntries(names.map((name) => [name, contents[name]?.[0] ?? 'one']))

export function changesBetween(before: Files, after: Files): PathChange[] {
  const from = new Map<string, TreeEntry>(treeOf(before).map((entry) => [entry.path, entry]))
  const to = new Map<string, TreeEntry>(treeOf(after).map((entry) => [entry.path, entry]))
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((path): PathChange[] => {
    const [was, is] = [from.get(path) ?? null, to.get(path) ?? null]
    if (was?.oid === is?.oid && was?.mode === is?.mode) return []
    return [{ path, kind: was === null ? 'added' : is === null ? 'removed' : 'modified', from: was, to: is }]
  })
}

/** Commits one after the other, the first of them `start`. */
export const historyOf = (maximumLength: number): fc.Arbitrary<Files[]> =>
  fc
    .array(fc.array(someChange, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: maximumLength })
    .map((commits) => {
      const history = [start]
      for (const changes of commits) history.push(afterChanges(history.at(-1) ?? start, changes))
      return history
    })

export function afterChanges(before: Files, changes: ReadonlyArray<{ name: string; to: Files[string] | null }>): Files {
  const after: Files = { ...before }
  for (const { name, to } of changes) {
    if (to === null) delete after[name]
    else after[name] = to
  }
  return after
}
