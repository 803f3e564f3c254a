import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ListedTree, type PathChange, type TreeEntry } from '../../../src/model/index.ts'
import { carrySelection, hashInputs, type Selection, selectInputs } from '../../../src/planning/inputs/index.ts'
import { type Files, projectOf, readFiles, serviceOf, treeOf } from './tiny-repository.ts'

const project = projectOf(
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
const change = fc
  .constantFrom(...names)
  .chain((name) => fc.record({ name: fc.constant(name), to: fc.option(anyFile(name), { freq: 6 }) }))

const start: Files = Object.fromEntries(names.map((name) => [name, contents[name]?.[0] ?? 'one']))

function studied(files: Files) {
  const { contents: read } = readFiles(project, files)
  const tree = ListedTree.fromEntries(treeOf(files))
  return { tree, contents: read, selection: selectInputs(project, tree, read) }
}

const hashed = (selection: Selection, like?: ReturnType<typeof hashInputs>) =>
  hashInputs({ project, selection, platform: 'p', environmentValues: {}, ...(like === undefined ? {} : { like }) })

const shown = (selection: Selection) =>
  Object.fromEntries(
    Object.entries(selection).map(([name, { inputs, checkInputs, deployInputs, notes }]) => [
      name,
      { inputs: [...inputs], checkInputs: [...checkInputs], deployInputs: [...deployInputs], notes },
    ]),
  )

function changesBetween(before: Files, after: Files): PathChange[] {
  const from = new Map<string, TreeEntry>(treeOf(before).map((entry) => [entry.path, entry]))
  const to = new Map<string, TreeEntry>(treeOf(after).map((entry) => [entry.path, entry]))
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((path): PathChange[] => {
    const [was, is] = [from.get(path) ?? null, to.get(path) ?? null]
    if (was?.oid === is?.oid && was?.mode === is?.mode) return []
    return [{ path, kind: was === null ? 'added' : is === null ? 'removed' : 'modified', from: was, to: is }]
  })
}

describe('a selection carried to another commit', () => {
  it('is what selecting anew gives, with the same hashes, wherever it can be carried', () => {
    let carried = 0
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changed) => {
        const after: Files = { ...start }
        for (const { name, to } of changed) {
          if (to === null) delete after[name]
          else after[name] = to
        }
        const first = studied(start)
        const changes = changesBetween(start, after)
        const tree = first.tree.after(changes)
        const selection = carrySelection(first.selection, { tree, changes, contents: first.contents })
        if (selection === null) return
        carried += 1
        const anew = studied(after)
        assert.deepEqual(shown(selection), shown(anew.selection))
        const like = hashed(first.selection)
        const { inputHash, checkHash, deployHash } = hashed(selection, like)
        const expected = hashed(anew.selection)
        assert.deepEqual(
          { inputHash, checkHash, deployHash },
          { inputHash: expected.inputHash, checkHash: expected.checkHash, deployHash: expected.deployHash },
        )
      }),
      { numRuns: 400 },
    )
    assert.ok(carried > 50, `only ${carried} of 400 were carried`)
  })

  it('is none where a path, a link or what was read to find the inputs changed', () => {
    const first = studied(start)
    const cases: Array<[string, Files[string] | null]> = [
      ['services/email/new.ts', 'one'],
      ['services/email/main.ts', null],
      ['services/email/main.ts', { mode: 'symlink', content: 'sub/deep.ts' }],
      ['services/carts/package.json', '{"name":"carts"}'],
      ['versions.env', 'CARTS=2\n'],
      ['trunkline.yaml', 'project: shop'],
    ]
    for (const [name, to] of cases) {
      const after: Files = { ...start }
      if (to === null) delete after[name]
      else after[name] = to
      const changes = changesBetween(start, after)
      const carried = carrySelection(first.selection, {
        tree: first.tree.after(changes),
        changes,
        contents: first.contents,
      })
      assert.equal(carried, null, name)
    }
  })
})
