import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import {
  clean,
  cleanAscii,
  createPen,
  cut,
  formatBytes,
  formatDuration,
  formatElapsed,
  formatRelative,
  paint,
  type Style,
  sourceExcerpt,
  styleOf,
  table,
  widthOf,
  wrap,
} from '../../../src/cli/view/text/index.ts'

const plain: Style = { colour: false, unicode: true, width: 80 }

describe('units', () => {
  test('durations read as a person would say them', () => {
    const said = [0, 40, 420, 9940, 9960, 59_400, 59_600, 125_000, 3_600_000, 11_400_000, 187_200_000].map(
      formatDuration,
    )
    assert.deepEqual(said, [
      '0.0 s',
      '0.0 s',
      '0.4 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min',
      '2 min 5 s',
      '1 h',
      '3 h 10 min',
      '2 d 4 h',
    ])
    assert.equal(formatElapsed(1999), '1 s')
    assert.equal(formatDuration(-5), '0.0 s')
  })

  test('times are told relative to now, old ones by their date', () => {
    const now = Date.parse('2026-03-01T12:00:00Z')
    const ago = (seconds: number) => formatRelative(new Date(now - seconds * 1000).toISOString(), now)
    assert.deepEqual(
      [ago(2), ago(30), ago(300), ago(7200), ago(86_400), ago(15 * 86_400), ago(100 * 86_400), ago(-7200)],
      ['just now', '30 s ago', '5 min ago', '2 h ago', '1 day ago', '2 weeks ago', '2025-11-21', 'in 2 h'],
    )
    assert.equal(formatRelative('no time', now), 'no time')
  })

  test('sizes are decimal and never show 1000 of a unit', () => {
    assert.deepEqual([0, 999, 1000, 4_213_000, 999_600, 12_000_000_000].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '4.2 MB',
      '1.0 MB',
      '12 GB',
    ])
  })
})

describe('style', () => {
  const utf8 = { LANG: 'en_US.UTF-8' }

  test('colour follows the terminal, NO_COLOR and FORCE_COLOR', () => {
    const terminal = { isTTY: true, columns: 100 }
    assert.equal(styleOf(terminal, utf8).colour, true)
    assert.equal(styleOf({}, utf8).colour, false)
    assert.equal(styleOf(terminal, { ...utf8, NO_COLOR: '1' }).colour, false)
    assert.equal(styleOf({}, { ...utf8, FORCE_COLOR: '1' }).colour, true)
    assert.equal(styleOf(terminal, { ...utf8, FORCE_COLOR: '0' }).colour, false)
    assert.equal(styleOf({}, { ...utf8, FORCE_COLOR: '1', NO_COLOR: '1' }).colour, false)
  })

  test('a dumb terminal or another locale gets ASCII', () => {
    assert.deepEqual(styleOf({ isTTY: true, columns: 50 }, { ...utf8, TERM: 'dumb' }), {
      colour: false,
      unicode: false,
      width: 50,
    })
    assert.equal(styleOf({}, { LC_ALL: 'C', LANG: 'en_US.UTF-8' }).unicode, false)
    assert.equal(styleOf({}, {}).unicode, true)
  })

  test('what goes into a file is never cut', () => {
    assert.equal(styleOf({ columns: 80 }, utf8).width, Number.POSITIVE_INFINITY)
  })
})

describe('clean', () => {
  test('escape sequences vanish and control characters are spelled out', () => {
    assert.equal(
      clean('\u001b[31mred\u001b[0m \u001b]0;title\u0007and \u001b]8;;http://evil\u001b\\link'),
      'red and link',
    )
    assert.equal(clean('a\nb\r\u0007\tc\u2028d'), 'a\\nb\\r\\x07  c\\u2028d')
    assert.equal(clean('\u001bPdevice\u001b\\x\u009b2Jy'), 'xy')
  })

  test('the writing direction cannot be turned, and bytes that are not UTF-8 are shown as such', () => {
    assert.equal(clean('access\u202e\u2066 level'), 'access level')
    assert.equal(clean('caf\udce9.txt \ud800'), 'caf\\xe9.txt \ufffd')
  })

  test('ASCII terminals get familiar punctuation respelled', () => {
    assert.equal(cleanAscii('a → b … “ü”'), 'a -> b ... "?"')
  })

  test('nothing that comes out can act on a terminal', () => {
    const hostile = fc.string({
      unit: fc.constantFrom(
        '\u001b',
        '[',
        ']',
        '2',
        'J',
        ';',
        '\u0007',
        '\u009b',
        '\n',
        '\r',
        '\u202e',
        'ü',
        '漢',
        'x',
      ),
    })
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
        assert.doesNotMatch(clean(text), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
        assert.match(cleanAscii(text), /^[ -~]*$/)
      }),
    )
  })
})

describe('lines', () => {
  const pen = createPen(plain)

  test('cuts with an ellipsis between graphemes, counting wide characters twice', () => {
    const line = cut([pen.plain('漢字かな')], 5, pen.symbols)
    assert.deepEqual(line.map((span) => span.text).join(''), '漢字…')
  })

  test('wraps at spaces, and breaks a word only when it must', () => {
    const text = (line: string, width: number) =>
      wrap([pen.plain(line)], width).map((part) => part.map((span) => span.text).join(''))
    assert.deepEqual(
      text('one two three', 8).map((line) => line.trimEnd()),
      ['one two', 'three'],
    )
    assert.deepEqual(text('abcdefghij', 4), ['abcd', 'efgh', 'ij'])
  })

  test('no painted line is wider than the style, whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        (texts, width, unicode) => {
          const style = { colour: true, unicode, width }
          const own = createPen(style)
          const lines = texts.map((row) => row.map((text) => own.warn(text)))
          for (const line of [
            ...paint(lines, style),
            ...paint(
              lines.flatMap((each) => wrap(each, width)),
              style,
            ),
          ]) {
            assert.ok(stringWidth(line) <= width, JSON.stringify(line))
          }
          const rows = lines.map((row) => row.map((span) => [span]))
          for (const line of paint(table(rows, style, { wrapLast: true }), style)) assert.ok(stringWidth(line) <= width)
        },
      ),
    )
  })

  test('wrapping loses no word', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z漢]{1,12}$/), { maxLength: 20 }),
        fc.integer({ min: 2, max: 30 }),
        (words, width) => {
          const parts = wrap([pen.plain(words.join(' '))], width)
          assert.ok(parts.every((part) => widthOf(part) <= width))
          assert.equal(
            parts
              .flat()
              .map((span) => span.text)
              .join('')
              .replaceAll(' ', ''),
            words.join(''),
          )
        },
      ),
    )
  })

  test('a caret stands below its column, also where the line is longer than the screen', () => {
    const narrow = createPen({ ...plain, width: 40 })
    const source = `${'x'.repeat(60)}WRONG`
    const [line = '', caret = ''] = paint(sourceExcerpt({ source, line: 7, column: 61 }, narrow), narrow.style)
    assert.equal(line[caret.indexOf('^')], 'W')
    assert.ok(stringWidth(line) <= 40)
  })
})
