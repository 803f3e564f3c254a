import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type EntryMode,
  encodePath,
  ListedTree,
  type ObjectId,
  type PathChange,
  type TreeEntry,
} from '../../src/model/index.ts'

const oid = (digit: number): ObjectId => digit.toString(16).repeat(40).slice(0, 40) as ObjectId // hex digits

const path = fc.oneof(
  fc.constantFrom(
    'a',
    'a/b',
    'a.b',
    'a0',
    'a-',
    'ab/c',
    'ä',
    '\uffe0',
    '\u{1f680}',
    'r\udcff',
    'new\nline',
    '\tx',
    'a\t',
  ),
  fc.array(fc.constantFrom('a', 'b', '.', '-', 'é'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
)
const entry = fc
  .tuple(path, fc.constantFrom<EntryMode>('file', 'executable', 'symlink', 'submodule'), fc.nat(15))
  .map(([name, mode, digit]): TreeEntry => ({ path: name, mode, oid: oid(digit) }))
const content = fc
  .tuple(fc.constantFrom<EntryMode>('file', 'executable', 'symlink', 'submodule'), fc.nat(15))
  .map(([mode, digit]) => ({ mode, oid: oid(digit) }))
const entries = fc.uniqueArray(entry, { selector: (one) => one.path, maxLength: 12 })

const inOrder = (some: readonly TreeEntry[]): TreeEntry[] =>
  [...some].sort((left, right) => Buffer.compare(encodePath(left.path), encodePath(right.path)))

describe('a tree as lines', () => {
  it('has every entry, in the order of its bytes, and finds each', () => {
    fc.assert(
      fc.property(entries, path, (some, other) => {
        const tree = ListedTree.fromEntries(some)
        assert.deepEqual([...tree], inOrder(some))
        assert.equal(tree.length, some.length)
        for (const one of some) assert.deepEqual(tree.at(tree.find(one.path)), one)
        if (!some.some((one) => one.path === other)) assert.equal(tree.find(other), -1)
      }),
      { numRuns: 500 },
    )
  })

  it('comes back from its own lines, sorted or not', () => {
    fc.assert(
      fc.property(entries, (some) => {
        const lines = some.map((one) => {
          const single = ListedTree.fromEntries([one])
          return Buffer.from(single.lines(0, 1))
        })
        assert.deepEqual([...ListedTree.fromLines(Buffer.concat(lines))], inOrder(some))
      }),
      { numRuns: 300 },
    )
  })

  it('is after changes what it would be made anew', () => {
    fc.assert(
      fc.property(entries, entries, (before, after) => {
        const tree = ListedTree.fromEntries(before)
        const changed = tree.after(changesBetween(before, after))
        assert.deepEqual([...changed], inOrder(after))
        const anew = ListedTree.fromEntries(after)
        assert.deepEqual(changed.lines(0, changed.length), anew.lines(0, anew.length))
        assert.deepEqual([...tree], inOrder(before), 'and is itself as it was')
      }),
      { numRuns: 500 },
    )
  })

  it('is after changes of contents and back what it would be made anew, however they follow each other', () => {
    const rounds = fc.array(fc.array(fc.tuple(fc.nat(), content), { maxLength: 4 }), { maxLength: 5 })
    fc.assert(
      fc.property(entries, rounds, entries, (some, turns, last) => {
        let tree = ListedTree.fromEntries(some)
        let now = inOrder(some)
        for (const turn of turns) {
          if (now.length === 0) break
          const changed = new Map(turn.map(([at, made]) => [at % now.length, made]))
          const next = now.map((one, at) => ({ ...one, ...changed.get(at) }))
          const after = tree.after(changesBetween(now, next))
          assertSame(after, next)
          assertSame(after.after(changesBetween(next, now)), now)
          assertSame(tree, now)
          tree = after
          now = next
        }
        assertSame(tree.after(changesBetween(now, last)), inOrder(last))
        assertSame(ListedTree.fromParts(tree.parts()), now)
      }),
      { numRuns: 300 },
    )
  })

  it('is after very many changes what it would be made anew', () => {
    const before = Array.from({ length: 700 }, (_, at) => ({ path: `f${at}`, mode: 'file' as const, oid: oid(1) }))
    let tree = ListedTree.fromEntries(before)
    for (const [at, entry] of before.entries()) {
      tree = tree.after([{ path: entry.path, kind: 'modified', from: entry, to: { ...entry, oid: oid(at % 9) } }])
    }
    assertSame(tree, inOrder(before.map((entry, at) => ({ ...entry, oid: oid(at % 9) }))))
  })

  it('takes the mode that old git wrote for a plain file', () => {
    const tree = ListedTree.fromLines(Buffer.from(`100664 blob ${oid(1)}\ta\0`))
    assert.deepEqual([...tree], [{ path: 'a', mode: 'file', oid: oid(1) }])
    const today = ListedTree.fromEntries([...tree])
    assert.deepEqual(tree.lines(0, 1), today.lines(0, 1), 'and hashes it as today’s')
  })

  it('says so where its lines are cut short', () => {
    const whole = Buffer.from(`100644 blob ${oid(1)}\tsome/file\0`)
    for (const end of [whole.length - 1, 52, 20, 1]) {
      assert.throws(() => ListedTree.fromLines(whole.subarray(0, end)), { code: 'OBJECT_READ' })
    }
    assert.equal(ListedTree.fromLines(whole.subarray(0, 0)).length, 0)
  })
})

/** Entries, and the bytes of every range of a few. */
function assertSame(tree: ListedTree, expected: readonly TreeEntry[]): void {
  assert.deepEqual([...tree], expected)
  const anew = ListedTree.fromEntries(expected)
  assert.deepEqual(tree.lines(0, tree.length), anew.lines(0, anew.length))
  for (let from = 0; from <= tree.length; from += 1) {
    for (const to of [from, from + 1, from + 3]) {
      if (to > tree.length) continue
      assert.deepEqual(tree.lines(from, to), anew.lines(from, to))
      assert.deepEqual(Buffer.concat(tree.pieces(from, to)), anew.lines(from, to))
    }
  }
}

function changesBetween(before: readonly TreeEntry[], after: readonly TreeEntry[]): PathChange[] {
  const from = new Map(before.map((one) => [one.path, one]))
  const to = new Map(after.map((one) => [one.path, one]))
  return [...new Set([...from.keys(), ...to.keys()])].map((one) => {
    const was = from.get(one) ?? null
    const is = to.get(one) ?? null
    return { path: one, kind: was === null ? 'added' : is === null ? 'removed' : 'modified', from: was, to: is }
  })
}
