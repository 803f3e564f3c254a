import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sanitizeTerminal } from '../../src/masking/index.ts'

const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

test('foreign output keeps its words and loses its tricks', () => {
  for (const [output, expected] of [
    ['\u001b[1;31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001bP1;2q#payload\u001b\\after', 'after'],
    ['\u009b2Jgone', 'gone'],
    ['never closed \u001b]52;c;text', 'never closed 52;c;text'],
    ['back\b\b\b\bspace', 'backspace'],
    ['tab\tand\nline', 'tab\tand\nline'],
    ['one\r\ntwo\rthree', 'one\ntwo\nthree'],
    ['admin\u202enimda', 'adminnimda'],
    ['bell\u0007 nul\0 delete\u007f', 'bell nul delete'],
    ['käse 😀 日本', 'käse 😀 日本'],
    ['lone \ud800', 'lone \ufffd'],
  ] as const) {
    assert.equal(sanitizeTerminal(output), expected)
  }
})

test('nothing that moves a cursor gets through, and cleaning twice changes nothing', () => {
  const unit = fc.constantFrom(
    '\u001b',
    '[',
    ']',
    '\u0007',
    '\\',
    '0',
    ';',
    'm',
    'P',
    '\u009b',
    '\u009c',
    'x',
    ' ',
    '\n',
  )
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (output) => {
      const clean = sanitizeTerminal(output)
      assert.doesNotMatch(clean, unsafe)
      assert.equal(sanitizeTerminal(clean), clean)
    }),
    { numRuns: 2000 },
  )
})

test('hostile output is cleaned in linear time: quadratic time would be minutes', { timeout: 60_000 }, () => {
  for (const part of ['\u001b]', '\u001b[1', '\u001b[ ', '\u001bP\u001b', '\u009d'])
    sanitizeTerminal(part.repeat(200_000))
})
