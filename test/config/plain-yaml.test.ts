import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readPlainYaml } from '../../src/config/plain-yaml.ts'
import { readWholly, readYaml } from '../../src/config/yaml-source.ts'

/** Where the short way reads a text, the long way reads the same from it, and finds no mistake. */
function assertSame(text: string): boolean {
  const plain = readPlainYaml(text)
  if (plain === null) return false
  const whole = readWholly(text, 'trunkline.yaml')
  assert.deepEqual(
    { problems: whole.problems, isBroken: whole.isBroken, data: whole.data },
    { problems: [], isBroken: false, data: plain.data },
    text,
  )
  return true
}

const scalar = fc.oneof(
  fc.constantFrom(
    ...[
      'a',
      'npm test -w @x/y',
      'src/**',
      '1',
      '1.20',
      '0x10',
      '-1',
      '+1',
      '1e3',
      '1e21',
      '1e+21',
      '.5',
      '.inf',
      '.nan',
    ],
    ...[
      'true',
      'True',
      'null',
      'NULL',
      '~',
      '',
      'yes',
      '0o7',
      '00',
      '1_000',
      '2024-01-01',
      '12:30',
      'a:b',
      'http://x/y',
    ],
    ...[
      'a #b',
      'a#b',
      '#c',
      'a: b',
      'a:',
      ':a',
      '- a',
      '-a',
      '--',
      '---',
      '...',
      '.',
      './x',
      '..',
      '? a',
      '?',
      '&a',
      '*a',
    ],
    ...[
      '!t a',
      '|',
      '>-',
      '@a',
      '`a',
      '%a',
      "'q'",
      '"q"',
      "'a''b'",
      '"a\\n"',
      "'",
      '"a',
      "a'b",
      'a "b" c',
      '<<',
      'a]',
      'a}',
    ],
    ...[
      'a, b',
      '{',
      '[',
      '{}',
      '[]',
      '[a]',
      '[a,]',
      '[,]',
      '[a, b]',
      '{ a: b }',
      '{a: b,c: d}',
      '{a:b}',
      '{a}',
      '{ a: }',
    ],
    ...[
      '{ a: [b, { c: 1 }] }',
      '[a: b]',
      '[[]]',
      '[a] b',
      '{a: b} # c',
      '{ a: b, a: c }',
      '[1, 1.0, null, ~]',
      '[- a]',
    ],
    ...['{ a: b c }', '{ a: b-c }', '[a #b]', '{ a: http://x }', '[*a]', '[a*b]', '[a  b ]', '__proto__', 'a\tb', 'ä'],
  ),
  fc.string({ unit: fc.constantFrom(...'ab1. :#-?[]{},&*!|>\'"%@`~/='), maxLength: 8 }),
)
const key = fc.constantFrom(
  'a',
  'b',
  'c',
  'd',
  'e-f',
  '1',
  'true',
  'null',
  '__proto__',
  'x y',
  '<<',
  '"q"',
  '-a',
  '.a',
  'A_b',
)
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, scalar).map(([name, value]) => `${name}: ${value}`) },
  { weight: 4, arbitrary: key.map((name) => `${name}:`) },
  { weight: 2, arbitrary: scalar.map((value) => `- ${value}`) },
  { weight: 1, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constantFrom('', '# note', '  ', '---', '...', '%YAML 1.2', '-', '? a', ': b') },
)
const indented = fc.tuple(fc.constantFrom(0, 0, 0, 2, 2, 4, 1, 3), line, fc.constantFrom('', '', ' ', '  # end'))
const anyText = fc
  .array(indented, { maxLength: 10 })
  .map((lines) => lines.map(([indent, text, end]) => `${' '.repeat(indent)}${text}${end}`).join('\n'))

type Tree = Array<[name: string, value: string | string[] | Tree]>
const leaf = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom(...['a', '1', '1.20', 'true', 'npm test -w @x/y', 'src/**', "'q: #'", '{}', '[a, 1]']),
  },
  { weight: 1, arbitrary: scalar },
)
const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.uniqueArray(
    fc.tuple(key, fc.oneof({ depthSize: 'small' }, leaf, fc.array(leaf, { maxLength: 3 }), tie('tree'))),
    {
      selector: ([name]) => name,
      maxLength: 4,
    },
  ),
})).tree

const render = (some: Tree, indent: string): string =>
  some
    .map(([name, value]) => {
      if (typeof value === 'string') return `${indent}${name}: ${value}\n`
      const below = isTree(value)
        ? render(value, `${indent}  `)
        : value.map((item) => `${indent}  - ${item}\n`).join('')
      return `${indent}${name}:\n${below}`
    })
    .join('')

const isTree = (value: string[] | Tree): value is Tree => Array.isArray(value[0])

describe('plain YAML', () => {
  it('is read as the whole parser reads it, or left to it', () => {
    let read = 0
    fc.assert(
      fc.property(tree, (some) => {
        if (assertSame(render(some, ''))) read += 1
      }),
      { numRuns: 3_000 },
    )
    assert.ok(read > 300, `of 3000 texts ${read} were read the short way`)
  })

  it('is read as the whole parser reads it where lines are in disorder', () => {
    fc.assert(
      fc.property(anyText, (text) => void assertSame(text)),
      { numRuns: 5_000 },
    )
  })

  it('is read the same with every value that may stand alone', () => {
    fc.assert(
      fc.property(key, scalar, key, (name, value, other) => {
        assertSame(`${name}: ${value}\n`)
        assertSame(`${name}:\n  - ${value}\n  - ${value}`)
        assertSame(`a: [${value}]\n`)
        assertSame(`a: { ${name}: ${value}, ${other}: ${value} }\n`)
        assertSame(`${name}:\n  ${other}: ${value}\n${other}:\n`)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is what the configurations of examples are written in', () => {
    const files = globSync('examples/**/trunkline.yaml').concat('trunkline.yaml')
    for (const file of files) assertSame(readFileSync(file, 'utf8'))
  })

  it('is left to the whole parser where it is large, deep or twice the same', () => {
    const list = Array.from({ length: 45_000 }, () => '1').join(', ')
    const deep = Array.from({ length: 40 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')
    for (const text of [`a: [${list}]`, deep, `a: ${'['.repeat(40)}${']'.repeat(40)}`, 'a: 1\na: 2', '__proto__: 1']) {
      assert.equal(readPlainYaml(text), null)
    }
  })

  it('tells places as the whole parser does', () => {
    const text = 'a: 1\nb:\n  c: { d: [x, y] }\n'
    for (const path of [['a'], ['b', 'c', 'd', 1], ['b', 'none']]) {
      const location = readYaml(text, 'f').locate(path)
      assert.deepEqual(location, readWholly(text, 'f').locate(path))
      assert.ok(location.line !== undefined)
    }
  })
})
