import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReuseExplanation, explainHash } from '../../../src/planning/inputs/index.ts'
import { projectKeys } from '../../../src/planning/inputs/selecting.ts'
import { type Files, hash, noteCodes, pathsOf, projectOf, select, serviceOf, treeOf } from './tiny-repository.ts'

describe('a file reduced to keys', () => {
  const cases: Array<[what: string, file: string, text: string, keys: string[], reduced: string]> = [
    [
      'dotenv: order and comments gone, the last one wins',
      '.env',
      '# x\nB=2 # no\nexport A="1 # yes"\nA=3\nC=4\n',
      ['A', 'B', 'Z'],
      'A=3\nB=2\n',
    ],
    ['dotenv: values over several lines', 'prod.env', "KEY='a\nb'\nX=1\r\n", ['KEY', 'X'], "KEY='a\nb'\nX=1\n"],
    [
      'JSON: paths with dots, keys in order',
      'a.json',
      '{"b":{"y":1,"x":{"q":2,"p":1}},"a":0}',
      ['b.x', 'a'],
      '{\n  "a": 0,\n  "b": {\n    "x": {\n      "p": 1,\n      "q": 2\n    }\n  }\n}\n',
    ],
    ['JSON: a key with a dot of its own goes first', 'a.json', '{"a.b":1,"a":{"b":2}}', ['a.b'], '{\n  "a.b": 1\n}\n'],
    ['YAML', 'v.yaml', 'b: [1, 2]\na: &x {k: v}\nc: *x\n', ['c', 'b'], 'b:\n  - 1\n  - 2\nc:\n  k: v\n'],
    [
      'TOML',
      'libs.versions.toml',
      '[versions]\nkotlin = "2.0"\njava = "21"\n[libraries]\nx = "y"\n',
      ['versions.kotlin'],
      '[versions]\nkotlin = "2.0"\n',
    ],
  ]
  for (const [what, file, text, keys, reduced] of cases) {
    it(`keeps just those: ${what}`, () => assert.equal(projectKeys(text, file, keys).trim(), reduced.trim()))
  }

  it('is refused where it cannot be read, or not exactly', () => {
    for (const [file, text] of [
      ['a.json', '{'],
      ['a.json', '{"a": 12345678901234567890}'],
      ['a.yaml', '- 1'],
      ['a.txt', 'a'],
    ] as const) {
      assert.throws(() => projectKeys(text, file, ['a']), { code: 'KEYED_FILE_UNREADABLE' })
    }
  })
})

describe('an input with keys', () => {
  const files: Files = {
    'versions.json': '{"java": 21, "kotlin": 2}',
    'services/a/.env': 'X=1\nY=1\n',
    'services/a/main': 'm',
  }
  const a = serviceOf('a', { inputs: [{ pattern: 'services/a/.env', keys: ['X'] }] })
  const project = projectOf([a, serviceOf('b', { inputs: [{ pattern: 'versions.json', keys: ['java'] }] })], {
    shared: [{ pattern: 'versions.json', keys: ['kotlin'] }],
  })
  const before = hash(project, files)

  const differs = (after: Files): string[] => {
    const hashes = hash(project, after).inputHash
    return ['a', 'b'].filter((name) => hashes[name] !== before.inputHash[name])
  }

  it('counts by the values of its keys, also within the service’s folder', () => {
    assert.deepEqual(differs({ ...files, 'services/a/.env': '# new\nY=2\nX=1\n' }), [])
    assert.deepEqual(differs({ ...files, 'services/a/.env': 'X=2\nY=1\n' }), ['a'])
  })

  it('adds up keys that several inputs name', () => {
    assert.deepEqual(differs({ ...files, 'versions.json': '{"kotlin": 2, "java": 25}' }), ['b'])
    assert.deepEqual(differs({ ...files, 'versions.json': '{"kotlin": 3, "java": 21}' }), ['a', 'b'])
    assert.deepEqual(select(project, files)['b']?.inputs.at(0).keys, ['java', 'kotlin'])
  })

  it('counts whole where the whole file is declared by name, or cannot be read', () => {
    const whole = projectOf([serviceOf('a', { inputs: [{ pattern: 'services/a/.env' }, ...a.inputs] })])
    assert.equal(select(whole, files)['a']?.inputs.at(0).keys, undefined)
    const broken = { ...files, 'versions.json': '{' }
    assert.ok(noteCodes(select(project, broken), 'b').includes('keyed-file-unreadable'))
    assert.ok(pathsOf(select(project, broken), 'b').includes('versions.json'))
  })

  it('is noted where it lacks a key', () => {
    assert.deepEqual(noteCodes(select(project, { ...files, 'services/a/.env': 'Y=1' }), 'a'), ['key-missing'])
  })

  it('is explained by its keys, changed or not', () => {
    const after = { ...files, 'services/a/.env': 'X=2\nY=1\n' }
    const [was, is] = [before.services['a'], hash(project, after).services['a']]
    assert.ok(was !== undefined && is !== undefined)
    assert.deepEqual(
      explainHash(was.build, is.build).map((reason) => reason.message),
      ['services/a/.env changed in one of the keys X (input services/a/.env, rule declared)'],
    )
    const [from = null] = treeOf({ 'services/a/.env': 'X=1\nY=1\n' })
    const [to = null] = treeOf({ 'services/a/.env': 'X=1\nY=2\n' })
    const explain = createReuseExplanation({
      selection: select(project, files),
      previous: null,
      changes: [{ path: 'services/a/.env', kind: 'modified', from, to }],
    })
    assert.deepEqual(
      explain('a').map((reason) => reason.message),
      ['services/a/.env changed, but not in the keys that count here (X)'],
    )
  })
})
