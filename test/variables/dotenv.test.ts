// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test, not a forgotten template.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { TrunklineError } from '../../src/model/index.ts'
import { parseDotenv } from '../../src/variables/index.ts'

const parsed = (text: string) => Object.fromEntries(parseDotenv(text, 'secrets.env'))

describe('a dotenv file', () => {
  test('is understood as people write it', () => {
    for (const [text, expected] of [
      ['A=1', { A: '1' }],
      ['A = 1 ', { A: '1' }],
      ['export A=1\nexport\tB=2', { A: '1', B: '2' }],
      ['\ufeffA=1\r\nB=2\r\n', { A: '1', B: '2' }],
      ['# comment\n\n  # indented\nA=1 # why', { A: '1' }],
      ['A=', { A: '' }],
      ['A= # nothing', { A: '' }],
      ['A=#not-a-comment-before-a-space', { A: '' }],
      ['URL=https://host/#fragment', { URL: 'https://host/#fragment' }],
      ['A=b#c d#e # f', { A: 'b#c d#e' }],
      ['A="b # c" # d', { A: 'b # c' }],
      ["A='b \\n $HOME ${X}'", { A: 'b \\n $HOME ${X}' }],
      ['A=`"quotes" and \'quotes\'`', { A: `"quotes" and 'quotes'` }],
      ['A="tab\\t line\\n quote\\" back\\\\ dollar\\$ other\\d"', { A: 'tab\t line\n quote" back\\ dollar$ other\\d' }],
      ['KEY="-----BEGIN\nabc=\n-----END"\nB=2', { KEY: '-----BEGIN\nabc=\n-----END', B: '2' }],
      ["KEY='one\ntwo'", { KEY: 'one\ntwo' }],
      ['PASSWORD=pa$$w0rd$1', { PASSWORD: 'pa$$w0rd$1' }],
      ['PATH_=C:\\users\\new', { PATH_: 'C:\\users\\new' }],
      ['JSON={"a": [1, "b"]}', { JSON: '{"a": [1, "b"]}' }],
      ['HOST=db\nURL=postgres://${HOST}/shop', { HOST: 'db', URL: 'postgres://db/shop' }],
      ['A=1\nB="<${A}>"\nC=\\${A}', { A: '1', B: '<1>', C: '${A}' }],
      ['A=$(rm -rf /)\nB=`id`', { A: '$(rm -rf /)', B: 'id' }],
      ['A=1\nA=2', { A: '2' }],
      ['spring.datasource.url=x', { 'spring.datasource.url': 'x' }],
    ] as const) {
      assert.deepEqual(parsed(text), expected, text)
    }
  })

  test('gives back any value written in single quotes, or escaped in double quotes', () => {
    const value = fc.string({ unit: fc.constantFrom('a', ' ', '#', '\n', '$', '{', '}', '"', '\\', '=', 'ü') })
    fc.assert(
      fc.property(value, value, (one, two) => {
        const escaped = two.replace(/["\\$]/g, '\\$&')
        assert.deepEqual(parsed(`ONE='${one}'\nTWO="${escaped}" # end\n`), { ONE: one, TWO: two })
      }),
    )
  })

  test('has all its mistakes told at once, by line, without a word of its values', () => {
    const text = ['A=1', 'hunter2-is-no-line', '1B=hunter2', 'C="x" hunter2', 'D=${NOT_THERE}', '', "E='hunter2"].join(
      '\n',
    )
    assert.throws(
      () => parsed(text),
      (error) => {
        assert.ok(error instanceof TrunklineError)
        assert.equal(error.kind, 'usage')
        assert.deepEqual(
          error.problems.map((problem) => problem.location),
          [2, 3, 4, 5, 7].map((line) => ({ file: 'secrets.env', line })),
        )
        assert.match(error.message, /^secrets\.env:2: .*and 4 more/)
        assert.doesNotMatch(JSON.stringify([error.message, error.problems]), /hunter2/)
        return true
      },
    )
  })

  test('with an endless quote, or a hundred thousand lines, is read in no time', () => {
    assert.throws(() => parsed(`A="${'\\n'.repeat(400_000)}`), { code: 'DOTENV' })
    const many = Array.from({ length: 100_000 }, (_, at) => `A${at}=1`).join('\n')
    assert.equal(parseDotenv(many, 'many.env').size, 100_000)
    assert.throws(() => parsed('x'.repeat(1024 * 1024 + 1)), { code: 'DOTENV', message: /larger than 1 MiB/ })
  })
})
