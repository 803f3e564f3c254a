import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createMasker, type Masker, maskText, sanitizeTerminal, unmaskableSecrets } from '../../src/masking/index.ts'

/** How tools write a value down; each with text before and after it. */
const encodings: Record<string, (text: string) => string> = {
  plain: (text) => text,
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'upper-case hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'URL component': (text) => encodeURIComponent(text),
  'lower-case URL component': (text) => encodeURIComponent(text).replace(/%../g, (found) => found.toLowerCase()),
  'URL form': (text) => new URLSearchParams({ k: text }).toString().slice(2),
  JSON: (text) => JSON.stringify(text),
  'JSON in ASCII': (text) =>
    JSON.stringify(text).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  'JSON of PHP': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'JSON of Go': (text) => JSON.stringify(text).replace(/[<>&]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`),
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify(text)),
  'terminal-safe': sanitizeTerminal,
  'base64 in base64url': (text) => Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  'URL-encoded by Python': (text) => percentEncoded(text, /[A-Za-z0-9_.~/-]/),
  'path of Go': (text) => percentEncoded(text, /[A-Za-z0-9_.~$&+:=@-]/),
  'user of a Go URL': (text) => percentEncoded(text, /[A-Za-z0-9_.~$&+,;=-]/),
  'every byte URL-encoded': (text) => percentEncoded(text, /^$/),
  'single-quoted for a shell': (text) => `'${text.replaceAll("'", "'\\''")}'`,
  'single-quoted by Python': (text) => `'${text.replaceAll("'", `'"'"'`)}'`,
  'double-quoted for a shell': (text) => `"${text.replace(/["$`\\]/g, '\\$&')}"`,
  'string of SQL': (text) => `'${text.replaceAll("'", "''")}'`,
  'HTML of Python': (text) => entities(text, '&quot;', '&#x27;'),
  'HTML of Go': (text) => entities(text, '&#34;', '&#39;'),
  'HTML of PHP': (text) => entities(text, '&quot;', '&#039;'),
  'XML text': (text) => entities(text, '"', "'"),
}

const percentEncoded = (text: string, kept: RegExp): string =>
  Array.from(Buffer.from(text).toString('latin1'), (byte) =>
    kept.test(byte) ? byte : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')

const entities = (text: string, double: string, single: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', double)
    .replaceAll("'", single)

/** Something a password generator, a cloud or a person makes up; never a word that happens to be an encoding's mask. */
const secretText = fc
  .oneof(
    fc.string({ minLength: 6, maxLength: 40 }),
    fc.string({ minLength: 6, maxLength: 20, unit: 'grapheme' }),
    fc.stringMatching(/^[A-Za-z0-9+/=_-]{8,60}$/),
    fc.stringMatching(/^postgres:\/\/[a-z]{3,8}:[^\s@]{6,12}@db\/shop$/),
  )
  .filter((text) => text.isWellFormed() && unmaskableSecrets([text]).length === 0 && text.trim().length >= 6)
  .filter((text) => !text.includes('•') && !/[\n\r]/.test(text) && sanitizeTerminal(text).trim().length >= 6)

const shown = (masker: Masker, chunks: readonly string[]): string => {
  const stream = masker.stream()
  return chunks.map((chunk) => stream.push(chunk)).join('') + stream.end()
}

const cutAt = (text: string, cuts: readonly number[]): string[] => {
  const positions = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b)
  return positions.slice(1).map((end, at) => text.slice(positions[at], end))
}

describe('masking', () => {
  for (const [name, encode] of Object.entries(encodings)) {
    test(`no secret survives as ${name}, wherever it stands and however it arrives`, () => {
      const around = fc.stringMatching(/^[ -~]{0,7}$/)
      const cuts = fc.array(fc.nat({ max: 500 }), { maxLength: 12 })
      fc.assert(
        fc.property(secretText, around, around, cuts, (secret, before, after, at) => {
          const output = encode(before + secret + after)
          const masked = shown(createMasker([secret]), cutAt(output, at))
          const without = encode(before + after)
          // What is left is what surrounds it, but for the few digits that an encoding shares with its neighbours.
          const left = masked.replaceAll(maskText, '')
          assert.ok(masked.includes(maskText), `${output} became ${masked}`)
          assert.ok(left.length <= without.length + 4, `${output} became ${masked}`)
          assert.ok(!masked.includes(encode(secret).replace(/^"+|"+$|=+$/g, '')))
        }),
        { numRuns: 200 },
      )
    })
  }

  test('chunks make no difference', () => {
    const secrets = fc.array(fc.string({ minLength: 4, maxLength: 6, unit: fc.constantFrom('a', 'b', '1') }), {
      maxLength: 5,
    })
    const text = fc.string({ maxLength: 60, unit: fc.constantFrom('a', 'b', '1', 'c') })
    fc.assert(
      fc.property(secrets, text, fc.array(fc.nat({ max: 60 })), (values, output, cuts) => {
        const masker = createMasker(values)
        assert.equal(shown(masker, cutAt(output, cuts)), masker.mask(output))
      }),
    )
  })

  test('every occurrence is found, overlapping ones as one', () => {
    const secrets = fc.array(fc.string({ minLength: 4, maxLength: 6, unit: fc.constantFrom('a', 'b', '.') }), {
      maxLength: 5,
    })
    const text = fc.string({ maxLength: 60, unit: fc.constantFrom('a', 'b', '.') })
    fc.assert(
      fc.property(secrets, text, (values, output) => {
        const maskable = values.filter((value) => unmaskableSecrets([value]).length === 0)
        const covered = Array.from(output, () => false)
        for (const value of maskable) {
          for (let at = output.indexOf(value); at !== -1; at = output.indexOf(value, at + 1))
            covered.fill(true, at, at + value.length)
        }
        const masked = createMasker(values).mask(output)
        const expected = Array.from(output, (character, at) => (covered[at] ? '•' : character)).join('')
        assert.equal(masked.replace(/•+/g, '•'), expected.replace(/•+/g, '•'))
      }),
    )
  })

  test('the longer of overlapping secrets leaves no tail', () => {
    const masker = createMasker(['hunter', 'hunter22', 'unter22secret'])
    assert.equal(masker.mask('a hunter b hunter22 c hunter22secret d'), 'a ••• b ••• c ••• d')
  })

  test('a secret of several lines is masked line by line, and whole', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n'
    const masker = createMasker([key])
    assert.equal(masker.mask('  kqhkiG9w0BAQEF'), '  •••')
    assert.equal(masker.mask(`key: ${JSON.stringify(key)}`), `key: "${maskText}"`)
    assert.equal(masker.mask(key.replaceAll('\n', '\r\n')).replace(/[\r\n•]/g, ''), '')
  })

  test('base64 that a tool broke into lines is masked', () => {
    const secret = Array.from({ length: 40 }, (_, at) => `word-${at}`).join(' ')
    const lines =
      Buffer.from(secret)
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    const masker = createMasker([secret])
    assert.deepEqual(new Set(lines.map((line) => masker.mask(line))), new Set([maskText]))
  })

  test('what a real shell prints of a secret is masked, however it quotes it', () => {
    const secrets = [
      `p'a"ss $(id) wo\`rd;!&|<>*?[x]{y},~#^`,
      String.raw`back\slash\n and 100%=:/@+`,
      '~begins #and-goes:~on=~',
      'tab\tand\u001b[31m and müller-straße-日本',
      'first line\nsecond line of it\r\nthird line of it',
    ]
    const script = `exec 2>&1; printf '%q\\n' "$@"
      for v; do printf '%s\\n' "\${v@Q}"; declare -p v; done
      set -x; for v; do : "$v"; done`
    for (const locale of ['C', 'C.UTF-8']) {
      const shell = spawnSync('bash', ['-c', script, 'bash', ...secrets], {
        env: { PATH: process.env['PATH'], LC_ALL: locale },
        encoding: 'utf8',
      })
      assert.equal(shell.status, 0, shell.stdout)
      const masked = createMasker(secrets).mask(shell.stdout)
      for (const part of ['ss', 'slash', 'goes', 'tab', 'ller', 'stra', 'first', 'second', 'third'])
        assert.ok(!masked.includes(part), `${locale}: ${part} of ${shell.stdout} is in ${masked}`)
    }
  })

  test('a text whose end was cut off shows no beginning of a secret', () => {
    const masker = createMasker(['correct-horse'])
    assert.equal(masker.maskCut('password correct-ho'), 'password •••')
    assert.equal(masker.maskCut('password correct-horse'), 'password •••')
    assert.equal(masker.maskCut('no secret!'), 'no secret!')
  })

  test('trivial values are not masked and are reported', () => {
    const trivial = ['1', 'abc', 'true', 'FALSE', ' on ', '----']
    assert.deepEqual(unmaskableSecrets([...trivial, '', 's3cret']), trivial)
    assert.equal(createMasker(trivial).mask('1 abc true on ----'), '1 abc true on ----')
  })

  test('takes time linear in the text, with many secrets', () => {
    const secrets = Array.from({ length: 200 }, (_, at) => `${'a'.repeat(60)}${at}`)
    const masker = createMasker(secrets)
    const text = `${'a'.repeat(2_000_000)}7`
    const masked = masker.mask(text)
    assert.equal(masked, `${'a'.repeat(2_000_000 - 60)}${maskText}`)
  })
})
