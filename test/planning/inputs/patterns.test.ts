import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodePath } from '../../../src/model/index.ts'
import { createCommitView } from '../../../src/planning/inputs/commit-view.ts'
import { type Files, link, submodule, treeOf } from './tiny-repository.ts'

const files: Files = {
  'README.md': '1',
  'a/.hidden/x.go': '2',
  'a/b.go': '3',
  'a/b/c.go': '4',
  'a-b/c.go': '5',
  'a.b': '6',
  'A/b.go': '7',
  'pages/[id].tsx': '8',
  'pages/i.tsx': '9',
  'pages/[slug]/page.tsx': '10',
  'pages/s/page.tsx': '11',
  'pages/[[...all]]/page.tsx': '12',
  'app/(shop)/page.tsx': '13',
  'with space/f.txt': '14',
  'new\nline/f\n.txt': '15',
  'raw\udcff/f.txt': '16',
  '!not.md': '17',
  'vendor/lib': submodule('1'),
  linked: link('a'),
  '{x}/y': '18',
}

const view = () => {
  const contents = new Map(treeOf(files).map((entry) => [entry.oid, new TextEncoder().encode('a')]))
  return createCommitView(treeOf(files), contents)
}

const cases: Array<[pattern: string, matched: string[], why: string]> = [
  ['a/**', ['a/.hidden/x.go', 'a/b.go', 'a/b/c.go'], 'takes all below a folder, dots included'],
  ['a', ['a/.hidden/x.go', 'a/b.go', 'a/b/c.go'], 'reads a folder as all below it'],
  ['./a/', ['a/.hidden/x.go', 'a/b.go', 'a/b/c.go'], 'does not mind ./ and a slash at the end'],
  ['a/*', ['a/b.go'], 'keeps * within one folder'],
  ['a/*.go', ['a/b.go'], 'matches by extension'],
  ['a/**/*.go', ['a/.hidden/x.go', 'a/b.go', 'a/b/c.go'], 'matches by extension at any depth'],
  ['**/b.go', ['A/b.go', 'a/b.go'], 'matches a name at any depth'],
  ['**/.go', [], 'does not take the end of a name for the name'],
  ['README.md', ['README.md'], 'matches a file at the root'],
  ['readme.md', [], 'is case-sensitive'],
  ['pages/[id].tsx', ['pages/[id].tsx', 'pages/i.tsx'], 'takes a name that looks like a pattern by its letters too'],
  ['pages/[slug]/**', ['pages/[slug]/page.tsx', 'pages/s/page.tsx'], 'takes a folder that looks like a pattern too'],
  ['pages/[[...all]]/*.tsx', ['pages/[[...all]]/page.tsx'], 'takes double brackets by their letters'],
  ['pages/\\[id\\].tsx', ['pages/[id].tsx'], 'takes escaped brackets by their letters only'],
  ['app/(shop)/**/*.tsx', ['app/(shop)/page.tsx'], 'takes parentheses by their letters'],
  ['with space/*', ['with space/f.txt'], 'takes spaces'],
  ['new\nline/**', ['new\nline/f\n.txt'], 'takes newlines in a folder'],
  ['**/f*.txt', ['new\nline/f\n.txt', 'raw\udcff/f.txt', 'with space/f.txt'], 'matches * over a newline and by bytes'],
  ['raw\udcff', ['raw\udcff/f.txt'], 'takes names that are not UTF-8'],
  ['!not.md', ['!not.md'], 'does not negate'],
  ['{a,a-b}/*.go', ['a-b/c.go', 'a/b.go'], 'knows braces'],
  ['{x}/y', ['{x}/y'], 'takes braces by their letters where they stand so'],
  ['vendor/lib', ['vendor/lib'], 'takes a submodule'],
  ['vendor/lib/src/**', ['vendor/lib'], 'takes the submodule for a path inside it'],
  ['linked/b/**', ['a/b/c.go', 'linked'], 'goes through a link, and takes the link too'],
  ['nothing/**', [], 'matches nothing where nothing is'],
]

describe('a pattern', () => {
  for (const [pattern, matched, why] of cases) {
    it(`${why}: ${JSON.stringify(pattern)}`, () => {
      const found = view()
      assert.deepEqual(
        found.match(pattern).map((position) => found.entry(position).path),
        matched,
      )
    })
  }

  it('takes the whole tree for . and **', () => {
    for (const pattern of ['.', '**', './**', '']) assert.equal(view().match(pattern).length, treeOf(files).length)
  })
})

describe('a tree', () => {
  it('is looked at in the order of its bytes, whatever order it comes in', () => {
    const shuffled = createCommitView([...treeOf(files)].reverse(), new Map())
    const bytes = shuffled.tree.lines(0, shuffled.tree.length)
    assert.deepEqual(bytes, createCommitView(treeOf(files), new Map()).tree.lines(0, shuffled.tree.length))
    assert.deepEqual(
      Array.from(shuffled.tree, ({ path }) => path),
      Object.keys(files).sort((left, right) => Buffer.compare(encodePath(left), encodePath(right))),
    )
  })

  it('has only files of the folder itself as a folder’s children', () => {
    const found = view()
    assert.deepEqual(
      found.childrenNamed('a', /./).map((position) => found.entry(position).path),
      ['a/b.go'],
    )
    assert.deepEqual(found.childrenNamed('a', /\.ts$/), [])
  })
})
