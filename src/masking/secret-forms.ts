/**
 * The shapes in which a secret value turns up in output: as it is, line by line, and in the encodings that tools apply
 * to values they pass on.
 */
import { sanitizeTerminal } from './sanitize-terminal.ts'

/** Shorter text is no secret worth the name, and masking it would tear holes into every line. */
export const minSecretLength = 4

/** Values that settings have and that ordinary output is full of. */
const trivialValues: ReadonlySet<string> = new Set('true false null none undefined default enabled disabled'.split(' '))

/** Whether masking this value would do more harm than good: too short, a word that any output contains, a ruler line. */
export function isTrivialSecret(value: string): boolean {
  const text = value.trim()
  return (
    [...text].length < minSecretLength || trivialValues.has(text.toLowerCase()) || /^([^\p{L}\p{N}])\1*$/u.test(text)
  )
}

/** All forms of one secret value, without duplicates; none for a trivial value. */
export function secretForms(value: string): string[] {
  if (isTrivialSecret(value)) return []
  const forms = new Set<string>()
  const lines = value.split(/\r\n|\n|\r/)
  for (const part of new Set([value, value.trim(), ...lines, ...lines.map((line) => line.trim())])) {
    if (!isTrivialSecret(part)) for (const form of formsOf(part)) forms.add(form)
  }
  return [...forms].filter((form) => form.length >= minSecretLength)
}

function* formsOf(text: string): Generator<string> {
  const bytes = Buffer.from(text, 'utf8')
  yield text
  yield sanitizeTerminal(text)
  yield* base64Forms(bytes)
  yield* hexForms(bytes)
  yield* urlForms(text)
  yield* jsonForms(text)
  yield* shellForms(text)
  yield* markupForms(text)
}

/** Columns at which `base64` (coreutils) and PEM, and MIME, break lines; and `xxd -p`. */
const base64Columns = [76, 64]
const hexColumns = [60]

/**
 * Base64 of a text in which the secret begins at byte 0, 1 or 2 of a group of three: just the digits that depend on
 * the secret alone; and, for a secret that ends its text, with its last digit and padding. Also broken into lines.
 */
function* base64Forms(secret: Buffer): Generator<string> {
  for (const lead of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(lead), secret]).toString('base64')
    const first = Math.ceil((lead * 8) / 6)
    const certain = encoded.slice(first, Math.floor(((lead + secret.length) * 8) / 6))
    const toItsEnd = encoded.slice(first)
    for (const form of [certain, toItsEnd, toItsEnd.replace(/=+$/, '')]) {
      yield form
      yield form.replaceAll('+', '-').replaceAll('/', '_')
    }
  }
  const whole = secret.toString('base64')
  yield* brokenAt(base64Columns, whole)
}

/** The lines of an encoded text that is broken at a column. */
function* brokenAt(widths: readonly number[], encoded: string): Generator<string> {
  for (const columns of widths) {
    if (encoded.length <= columns) continue
    for (let at = 0; at < encoded.length; at += columns) yield encoded.slice(at, at + columns)
  }
}

function* hexForms(secret: Buffer): Generator<string> {
  const hex = secret.toString('hex')
  for (const form of [hex, hex.toUpperCase()]) {
    yield form
    yield* brokenAt(hexColumns, form)
    for (const separator of [':', ' ', '\\x']) yield form.replace(/(?!^)..(?=(?:..)*$)/g, `${separator}$&`)
  }
}

function* urlForms(text: string): Generator<string> {
  const wellFormed = text.toWellFormed()
  const component = encodeURIComponent(wellFormed)
  // RFC 3986 reserves what encodeURIComponent leaves alone; forms write a space as `+`; encodeURI keeps the reserved.
  const strict = component.replace(/[!'()*]/g, (character) => percentByte(character.charCodeAt(0)))
  const form = new URLSearchParams({ '': wellFormed }).toString().slice(1)
  // Python's `quote` keeps `/`, Go's paths and user names keep more, and some encode whatever there is.
  const path = strict.replaceAll('%2F', '/')
  const goPath = kept(strict, '$&+:=@')
  const goUser = kept(strict, '$&+,;=')
  const everything = Buffer.from(wellFormed).reduce((sum, byte) => sum + percentByte(byte), '')
  const forms = [component, strict, form, strict.replaceAll('%20', '+'), encodeURI(wellFormed), path, goPath, goUser]
  for (const encoded of [...forms, everything]) {
    yield encoded
    yield encoded.replace(/%[0-9A-F]{2}/g, (found) => found.toLowerCase())
  }
}

const percentByte = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

/** Encoded, but for these characters. */
const kept = (encoded: string, characters: string): string =>
  [...characters].reduce((text, character) => text.replaceAll(percentByte(character.charCodeAt(0)), character), encoded)

function* jsonForms(text: string): Generator<string> {
  const plain = JSON.stringify(text).slice(1, -1)
  const ascii = plain.replace(/[\u007f-\uffff]/g, unicodeEscape)
  // Go escapes `<`, `>` and `&`; PHP escapes `/`; Python and Ruby write ASCII only.
  for (const escaped of [plain, ascii]) {
    yield escaped
    yield escaped.replaceAll('/', '\\/')
    const forHtml = escaped.replace(/[<>&]/g, unicodeEscape)
    yield forHtml
    yield forHtml.replace(/\\u[0-9a-f]{4}/g, (found) => `\\u${found.slice(2).toUpperCase()}`)
    // A document inside a document: log lines in JSON that quote JSON.
    yield JSON.stringify(escaped).slice(1, -1)
  }
}

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** What is escaped outside of quotes: bash escapes `,`, zsh `=`, others both or neither. */
const shellSpecials = [
  /[^\p{L}\p{N}%+./:=@_~#-]/gu,
  /[^\p{L}\p{N}%+./:,@_~#-]/gu,
  /[^\p{L}\p{N}%+./:@_~#-]/gu,
  /[^\p{L}\p{N}%+./:=,@_~#-]/gu,
]

/**
 * As shells, and tools that print commands, quote it: `set -x`, `printf %q`, `${v@Q}`, Python's `shlex`, double quotes.
 * Also SQL and YAML, which double a quote.
 */
function* shellForms(text: string): Generator<string> {
  yield text.replaceAll("'", "'\\''")
  yield text.replaceAll("'", `'"'"'`)
  yield text.replaceAll("'", "''")
  yield text.replaceAll('"', '""')
  yield text.replace(/["$`\\]/g, '\\$&')
  yield text.replace(/["$`\\!]/g, '\\$&')
  yield text.replace(/['\\]/g, '\\$&')
  for (const special of shellSpecials) {
    const quoted = text.replace(special, '\\$&')
    yield quoted
    // Where a shell would take them for a home folder or a comment.
    yield quoted.replace(/(?<=^|[:=])~|^#/g, '\\$&')
  }
  yield* ansiQuotedForms(text)
}

/** What stands between `$'` and `'`, which shells choose where there are control characters, or bytes beyond ASCII. */
function* ansiQuotedForms(text: string): Generator<string> {
  const escaped = text
    .replace(/['\\]/g, '\\$&')
    .replace(/[\u0007-\u000d]/g, (character) => `\\${'abtnvfr'[character.charCodeAt(0) - 7]}`)
  for (const name of ['\\E', '\\e', '\\033', '\\x1b']) {
    const named = escaped.replaceAll('\u001b', name)
    yield named
    yield named.replace(/[^ -~]/gu, (character) => Buffer.from(character).reduce((sum, byte) => sum + octal(byte), ''))
    yield named.replace(/[^ -~]/gu, (character) =>
      Buffer.from(character).reduce((sum, byte) => sum + hexEscape(byte), ''),
    )
  }
}

const octal = (byte: number): string => `\\${byte.toString(8).padStart(3, '0')}`
const hexEscape = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`

const doubleQuoteEntities = ['"', '&quot;', '&#34;', '&#x22;']
const singleQuoteEntities = ["'", '&#39;', '&#039;', '&#x27;', '&#X27;', '&apos;']

/** HTML and XML: all escape `&`, `<` and `>`, and each its own choice of the quotes. */
function* markupForms(text: string): Generator<string> {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  for (const double of doubleQuoteEntities)
    for (const single of singleQuoteEntities) yield escaped.replaceAll('"', double).replaceAll("'", single)
}
