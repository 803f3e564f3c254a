import assert from 'node:assert/strict'
import { it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { formatProblems } from '../../src/config/index.ts'

const file = 'trunkline.yaml'

it('a problem shows its place, its line, a mark under the word, and what to do', () => {
  const shown = formatProblems(
    [
      {
        code: 'UNKNOWN_KEY',
        message: 'unknown key `artefact`: did you mean `artifact`?',
        location: { file, line: 12, column: 5, source: '    artefact: { bundle: {} }' },
      },
      {
        code: 'EMPTY_FILE',
        message: 'the configuration is empty',
        hint: 'it begins with `project:`',
        location: { file },
      },
    ],
    { color: false },
  )
  assert.equal(
    shown,
    `trunkline.yaml:12:5  error  unknown key \`artefact\`: did you mean \`artifact\`?
 12 │     artefact: { bundle: {} }
    │     ^^^^^^^^

trunkline.yaml  error  the configuration is empty
    → it begins with \`project:\``,
  )
})

it('colours change nothing but colours', () => {
  const problems = [
    { code: 'A', message: 'wrong `word`', hint: 'use `that`', location: { file, line: 1, column: 1, source: 'word' } },
  ]
  const colored = formatProblems(problems, { color: true })
  assert.notEqual(colored, stripVTControlCharacters(colored))
  assert.equal(
    stripVTControlCharacters(colored).replaceAll('`', ''),
    formatProblems(problems, { color: false }).replaceAll('`', ''),
  )
})

it('the mark stands below its word behind tabs and wide letters', () => {
  const mark = (source: string, column: number) =>
    formatProblems([{ code: 'A', message: 'm', location: { file, line: 1, column, source } }], { color: false })
      .split('\n')
      .at(-1)
  assert.equal(mark('\ta: b', 5), '    │ \t   ^')
  assert.equal(mark('日本: b', 5), '    │       ^')
  assert.equal(mark('a: "b c" # d', 4), '    │    ^^^^^')
})

it('a long line is cut around its mark', () => {
  const source = `${'x'.repeat(500)} here ${'y'.repeat(500)}`
  const lines = formatProblems([{ code: 'A', message: 'm', location: { file, line: 1, column: 502, source } }], {
    color: false,
    width: 60,
  }).split('\n')
  const [, shown = '', mark = ''] = lines
  assert.ok(shown.length <= 62, shown)
  assert.equal(shown.slice(mark.indexOf('^'), mark.lastIndexOf('^') + 1), 'here')
})

it('a file cannot write to the terminal', () => {
  const source = 'a: \u001b[2J\u009b31m'
  const shown = formatProblems(
    [{ code: 'A', message: `not "${source}"`, location: { file, line: 1, column: 4, source } }],
    { color: false },
  )
  assert.ok(!/[\u001b\u009b]/.test(shown))
})
