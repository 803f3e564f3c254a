import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { formatProblems, parseProject } from '../../src/config/index.ts'

const example = readFileSync(new URL('../../docs/trunkline.example.yaml', import.meta.url), 'utf8')
const words = [...new Set(example.match(/[A-Za-z]+/g))]

/** Whatever the text: a project, or problems that stand in the file and can be shown. */
function assertAnswered(text: string): void {
  const parsed = parseProject({ text, file: 'trunkline.yaml', pathExists: (path) => path.length % 2 === 0 })
  if ('project' in parsed) return
  assert.ok(parsed.problems.length > 0)
  const lines = text.split('\n').length
  for (const { code, message, location } of parsed.problems) {
    assert.match(code, /^[A-Z_]+$/)
    assert.ok(message.length > 0 && !message.includes('{key}'), message)
    assert.ok((location?.line ?? 0) >= 1 && (location?.line ?? 0) <= lines, `line ${location?.line} of ${lines}`)
    assert.ok((location?.column ?? 0) >= 1)
  }
  assert.ok(formatProblems(parsed.problems, { color: false }).length > 0)
}

const key = fc.oneof(
  fc.constantFrom(...words, '__proto__', 'constructor', 'toString', '<<', 'my-service'),
  fc.string({ maxLength: 8 }),
)
const scalar = fc.oneof(
  key,
  fc.constantFrom('*', '**/x', '../x', '/x', '5m', '@group', 'refs/heads/x', 'v{a}{a}', 'a\u0000b'),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
})).value

const configuration = fc.record(
  {
    project: scalar,
    services: fc.dictionary(key, value, { maxKeys: 3 }),
    environments: fc.dictionary(key, value, { maxKeys: 3 }),
    tasks: value,
    people: value,
    notify: value,
    prepare: value,
    state: value,
  },
  { requiredKeys: [] },
)

it('any text is answered with a project or with problems', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), assertAnswered), { numRuns: 200 })
  const yamlish = fc.array(
    fc.constantFrom(
      ...words,
      ':',
      '- ',
      '\n',
      '\n  ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '"',
      "'",
      '&a ',
      '*a',
      '|',
      '#',
      '!t ',
      '\t',
      '%',
      '---\n',
      '? ',
      '<<: ',
    ),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(yamlish, (parts) => assertAnswered(parts.join(' '))),
    { numRuns: 300 },
  )
})

it('any mapping is answered with a project or with problems', () => {
  fc.assert(
    fc.property(configuration, (data) => assertAnswered(stringify(data))),
    { numRuns: 250 },
  )
})

it('a configuration with any piece replaced is answered with a project or with problems', () => {
  const cut = fc.record({
    at: fc.nat(example.length),
    length: fc.nat(30),
    put: fc.oneof(fc.constant(''), key, fc.constantFrom('{', '[', '\n', ': ', '"')),
  })
  fc.assert(
    fc.property(cut, ({ at, length, put }) =>
      assertAnswered(`${example.slice(0, at)}${put}${example.slice(at + length)}`),
    ),
    { numRuns: 100 },
  )
})

it('parsing a file changes nothing outside of it', () => {
  parseProject({
    text: '__proto__: { polluted: true }\nservices: { __proto__: { polluted: true }, constructor: { prototype: { polluted: true } } }\n',
    file: 'a',
  })
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
})
