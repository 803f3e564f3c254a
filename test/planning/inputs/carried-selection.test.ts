import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ListedTree } from '../../../src/model/index.ts'
import { carrySelection, hashInputs, type Selection } from '../../../src/planning/inputs/index.ts'
import { selectInputs } from '../../../src/planning/inputs/selecting.ts'
import { someChange as change, changesBetween, historyProject as project, start } from './random-history.ts'
import { type Files, readFiles, treeOf } from './tiny-repository.ts'

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
