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
  // `set -x` and `printf %q` of shells.
  yield text.replaceAll("'", "'\\''")
}

/** Columns at which `base64` (coreutils) and PEM, and MIME, break lines. */
const base64Columns = [76, 64]

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
  for (const columns of base64Columns) {
    if (whole.length <= columns) continue
    for (let at = 0; at < whole.length; at += columns) yield whole.slice(at, at + columns)
  }
}

function* hexForms(secret: Buffer): Generator<string> {
  const hex = secret.toString('hex')
  yield hex
  yield hex.toUpperCase()
}

function* urlForms(text: string): Generator<string> {
  const wellFormed = text.toWellFormed()
  const component = encodeURIComponent(wellFormed)
  // RFC 3986 reserves what encodeURIComponent leaves alone; forms write a space as `+`; encodeURI keeps the reserved.
  const strict = component.replace(/[!'()*]/g, (character) => `%${hexByte(character).toUpperCase()}`)
  const form = new URLSearchParams({ '': wellFormed }).toString().slice(1)
  for (const encoded of [component, strict, form, strict.replaceAll('%20', '+'), encodeURI(wellFormed)]) {
    yield encoded
    yield encoded.replace(/%[0-9A-F]{2}/g, (found) => found.toLowerCase())
  }
}

const hexByte = (character: string): string => character.charCodeAt(0).toString(16).padStart(2, '0')

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
