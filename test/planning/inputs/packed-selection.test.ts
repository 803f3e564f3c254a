import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type CommitId, ListedTree, type ObjectId } from '../../../src/model/index.ts'
import {
  carrySelection,
  hashInputs,
  type KeptSelection,
  packSelection,
  type Selection,
  unpackSelection,
} from '../../../src/planning/inputs/index.ts'
import { selectInputs } from '../../../src/planning/inputs/selecting.ts'
import { changesBetween, historyOf, historyProject as project } from './random-history.ts'
import { type Files, readFiles, treeOf } from './tiny-repository.ts'

const commit = 'c'.repeat(40) as CommitId
const treeId = 'd'.repeat(40) as ObjectId

function studied(files: Files): KeptSelection {
  const { contents } = readFiles(project, files)
  const tree = ListedTree.fromEntries(treeOf(files))
  return {
    ...{ commit, treeId, tree, selection: selectInputs(project, tree, contents) },
    contents: contents as ReadonlyMap<ObjectId, Uint8Array>,
  }
}

const packedBytes = (kept: KeptSelection): Buffer => Buffer.concat(packSelection(kept))

function restored(kept: KeptSelection): KeptSelection {
  const again = unpackSelection(packedBytes(kept))
  assert.ok(again !== null)
  return again
}

const shown = (selection: Selection) =>
  Object.fromEntries(
    Object.entries(selection).map(([name, { inputs, checkInputs, deployInputs, prepare, notes }]) => [
      name,
      {
        ...{ inputs: [...inputs], checkInputs: [...checkInputs], deployInputs: [...deployInputs] },
        ...{ prepare: [...prepare], notes },
      },
    ]),
  )

const hashes = (selection: Selection) => {
  const { inputHash, checkHash, deployHash } = hashInputs({ project, selection, platform: 'p', environmentValues: {} })
  return { inputHash, checkHash, deployHash }
}

describe('a selection kept as bytes', () => {
  it('is, over any history, what selecting anew gives: read back, carried on, kept again', () => {
    let carried = 0
    let steps = 0
    fc.assert(
      fc.property(historyOf(6), (history) => {
        let kept = studied(history[0] ?? {})
        for (const [at, files] of history.entries()) {
          if (at === 0) continue
          steps += 1
          const before = restored(kept)
          const changes = changesBetween(history[at - 1] ?? {}, files)
          const tree = before.tree.after(changes)
          const anew = studied(files)
          assert.deepEqual([...tree], [...anew.tree])
          const selection = carrySelection(before.selection, { tree, changes, contents: before.contents })
          if (selection === null) {
            kept = anew
            continue
          }
          carried += 1
          assert.deepEqual(hashes(selection), hashes(anew.selection))
          assert.deepEqual(shown(selection), shown(anew.selection))
          kept = { ...before, tree, selection }
        }
      }),
      { numRuns: 150 },
    )
    assert.ok(carried > steps / 10, `only ${carried} of ${steps} steps were carried`)
  })

  it('keeps commit, tree, notes and which contents decided', () => {
    const kept = studied(historyStart)
    const again = restored(kept)
    assert.deepEqual([again.commit, again.treeId], [commit, treeId])
    assert.deepEqual([...again.contents.keys()], [...kept.contents.keys()])
    assert.deepEqual(shown(again.selection), shown(kept.selection))
    assert.equal([...again.tree].length, kept.tree.length)
  })

  it('shares lists that services share, and can be packed again without having been looked at', () => {
    const again = restored(studied(historyStart))
    assert.equal(again.selection['carts']?.inputs, again.selection['worker']?.inputs)
    assert.deepEqual(packedBytes(again), packedBytes(studied(historyStart)))
  })

  it('is read from anywhere in memory, and not at all where numbers are written another way', () => {
    const bytes = packedBytes(studied(historyStart))
    const shifted = Buffer.alloc(bytes.length + 1)
    bytes.copy(shifted, 1)
    const again = unpackSelection(shifted.subarray(1))
    assert.deepEqual(shown(again?.selection ?? {}), shown(studied(historyStart).selection))
    const foreign = Buffer.from(bytes)
    foreign.subarray(0, 4).reverse()
    assert.equal(unpackSelection(foreign), null)
  })
})

const historyStart: Files = {
  'services/carts/main.ts': 'one',
  'services/carts/test/main.test.ts': 'one',
  'services/email/main.ts': 'one',
  'packages/common/index.ts': 'one',
  'versions.env': 'CARTS=1\nEMAIL=1\n',
  'package.json': '{"workspaces":["services/*","packages/*"]}',
  'services/carts/package.json': '{"name":"carts"}',
}
