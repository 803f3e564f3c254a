/** Files that a pull request brings: read in bounded time, whatever they hold. Time is this thread's own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseProject } from '../../src/config/index.ts'
import { patternCost } from '../../src/model/index.ts'
import { matchPattern } from '../../src/planning/index.ts'
import { parseDockerfile } from '../../src/planning/inputs/inference/dockerfile.ts'
import { parseGoModuleFile, parseGoSource } from '../../src/planning/inputs/inference/go-source.ts'
import { simpleCommands } from '../../src/planning/inputs/inference/simple-commands.ts'
import { parseJsonTable, parseTomlTable } from '../../src/planning/inputs/inference/structured-text.ts'
import { projectKeys } from '../../src/planning/inputs/keyed-file.ts'
import { globExpression } from '../../src/planning/inputs/path-pattern.ts'
import { configurationText } from '../system/small-shop.ts'

/** Linear work on these takes milliseconds; what is quadratic takes minutes. */
const mostCpuMs = 3_000

function bounded(work: () => unknown): void {
  const from = process.threadCpuUsage()
  work()
  const { user } = process.threadCpuUsage(from)
  assert.ok(user < mostCpuMs * 1_000, `it took ${Math.round(user / 1_000)} ms of processor time`)
}

const problemsOf = (text: string) => {
  const parsed = parseProject({ text, file: 'trunkline.yaml' })
  return 'problems' in parsed ? parsed.problems : []
}

const doubling = Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`).join('\n')

describe('trunkline.yaml', () => {
  const bombs: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['brackets', '['.repeat(200_000), /NESTED_TOO_DEEPLY/],
    ['braces', '{a: '.repeat(100_000), /NESTED_TOO_DEEPLY/],
    ['keys of keys', '? '.repeat(100_000), /NESTED_TOO_DEEPLY/],
    ['lists of lists', '- '.repeat(100_000), /NESTED_TOO_DEEPLY/],
    ['aliases of aliases', `a0: &a0 [x]\n${doubling}`, /ALIASES_EXPAND_TOO_FAR/],
    ['an alias of itself', 'a: &a [*a]', /ALIAS_CYCLE/],
    ['a key of JavaScript', '__proto__: { a: 1 }', /INVALID_KEY/],
    ['merge keys', 'project: x\n<<: { a: 1 }\nservices: {}', /UNKNOWN_KEY/],
    ['the same key twice', 'project: x\nproject: y', /DUPLICATE_KEY/],
    ['a tag that runs code', 'project: !!js/function "x"', /YAML_SYNTAX/],
    ['nearly a megabyte on one line', `project: ${'x'.repeat(1_000_000)}`, /INVALID_NAME/],
    ['more than a megabyte', 'x'.repeat(1_100_000), /FILE_TOO_LARGE/],
    ['zero bytes', 'project: "a\\0b"\nservices: {}', /INVALID_NAME|YAML_SYNTAX/],
  ]
  for (const [what, text, code] of bombs) {
    test(`${what}: a problem with a place, in bounded time`, () => {
      bounded(() => {
        const problems = problemsOf(text)
        assert.match(problems.map((problem) => problem.code).join(' '), code)
        for (const problem of problems) assert.equal(problem.location?.file, 'trunkline.yaml')
      })
    })
  }
})

describe('patterns', () => {
  for (const pattern of [
    '*[a]*[a]*[a]*[a]*b',
    '+(a|aa)+(a|aa)b',
    '**/[a]/**/[a]/**/[a]/**/b',
    '*\\\\\\\\',
    'a'.repeat(2_000),
  ]) {
    test(`${pattern.slice(0, 40)} is refused where it is declared, and wherever else it comes from`, () => {
      assert.notEqual(patternCost(pattern).fault, null)
      assert.throws(() => globExpression(pattern), { code: 'PATTERN_TOO_COSTLY', kind: 'usage' })
      const codes = problemsOf(configurationText({ shared: [pattern] })).map(({ code }) => code)
      assert.deepEqual(codes, ['PATTERN_TOO_COSTLY'])
    })
  }

  test('many stars are fine, and cost no more than a look at the name', () => {
    const expression = globExpression(`${'*a'.repeat(12)}b`)
    bounded(() => {
      for (let left = 200; left > 0; left -= 1) assert.equal(expression.test('a'.repeat(250)), false)
      assert.equal(expression.test(`${'xa'.repeat(12)}b`), true)
    })
  })

  test('a route with many stars takes no longer for a branch name made for it', () => {
    bounded(() => assert.equal(matchPattern(`${'**a'.repeat(40)}b`, 'a'.repeat(4_000)), null))
    assert.deepEqual(matchPattern('v{a}.{b}', 'v1.2.3'), { a: '1.2', b: '3' })
  })
})

describe('files of other tools', () => {
  const units = [
    '"',
    "'",
    '`',
    '/*',
    '/**/',
    '\\"',
    ',',
    ', ',
    '{',
    '[',
    '(',
    '\u0024{a:-',
    '$(',
    '<<A',
    '"\\',
    '\n',
    '- ',
    '? ',
    '=',
  ]
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    Dockerfile: (text) =>
      parseDockerfile(`FROM a\nENV A=${text}\nCOPY ${text}`, { buildArguments: new Map(), target: null }),
    'Go source': (text) => parseGoSource(`package a\nimport "b"\nimport ${text}\n//go:embed ${text}`),
    'go.mod': parseGoModuleFile,
    'command line': simpleCommands,
    JSON: (text) => parseJsonTable(`{"a":1,${text}x`),
    TOML: parseTomlTable,
  }
  for (const [name, read] of Object.entries(readers)) {
    test(`${name}: openings without an end, escapes and comments by the ten thousand`, () => {
      for (const unit of units) bounded(() => read(unit.repeat(Math.floor(120_000 / unit.length))))
    })
  }
  for (const file of ['.env', 'a.json', 'a.yaml', 'a.toml']) {
    test(`${file} read by its keys: a clear error or the keys, in bounded time`, () => {
      for (const unit of units) {
        bounded(() => {
          try {
            projectKeys(unit.repeat(Math.floor(8_000 / unit.length)), file, ['a'])
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'KEYED_FILE_UNREADABLE')
          }
        })
      }
    })
  }

  test('comments and commas at the end of JSON are read as before', () => {
    assert.deepEqual(parseJsonTable('{ // x\n "a": [1, /* y, ] */ ], "b": "//, ]", }'), { a: [1], b: '//, ]' })
    assert.equal(parseJsonTable('{ "a": 1,, }'), null)
  })
})
