/** How a new value is written in the place and style of an old one. */
import type { LocatedScalar, LocatedText, ScalarStyle, ScalarValue } from './located.ts'
import { refuseAt } from './refusal.ts'

/**
 * Text that every YAML parser reads as this very text, 1.1 and 1.2 alike: begins with a letter, has nothing that means
 * anything, and is none of the words below.
 */
const plainText = /^[A-Za-z_/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*$/
const words = /^(?:y|yes|n|no|true|false|on|off|null)$/i

export const isPlainText = (text: string): boolean => plainText.test(text) && !words.test(text)

export type WrittenScalar = { text: string; value: ScalarValue }

/** Refuses a scalar whose extent or meaning is more than one plain line. */
export function assertReplaceable(file: LocatedText, node: LocatedScalar): void {
  const raw = file.text.slice(node.start, node.end)
  if (node.style === 'block' || /[\r\n]/.test(raw)) {
    refuseAt(file, node.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: 'the value here has several lines',
      hint: 'Write it on one line.',
    })
  }
  if (node.tag !== null && node.tag !== 'tag:yaml.org,2002:str') {
    refuseAt(file, node.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: `the value here has a tag (${node.tag.slice(0, 40)})`,
      hint: 'Write it without a tag.',
    })
  }
  if (raw.includes('{{')) {
    refuseAt(file, node.start, {
      code: 'FILE_TEMPLATED',
      sentence: 'the value here is made by a template ({{ … }})',
      hint: 'Name the values file that the template reads instead.',
    })
  }
}

/** Keeps the quotes of the old value, and its type where the new text is of it (`replicas: 3` to `replicas: 4`). */
export function writeScalar(text: string, old: LocatedScalar, format: LocatedText['format']): WrittenScalar {
  if (old.style === 'plain' && (typeof old.value === 'number' || typeof old.value === 'boolean')) {
    const typed = asJson(text)
    if (typeof typed === typeof old.value && JSON.stringify(typed) === text) return { text, value: typed }
  }
  return { text: writeText(text, format === 'json' ? 'double' : old.style), value: text }
}

export function writeText(text: string, style: ScalarStyle): string {
  if (style === 'single' && !/[^ -~\u00a0-\u2027\u202a-\ud7ff]/.test(text)) return `'${text.replaceAll("'", "''")}'`
  if (style !== 'double' && style !== 'single' && isPlainText(text)) return text
  return doubleQuoted(text)
}

/** JSON's, with what YAML does not print escaped as well. */
export const doubleQuoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

function asJson(text: string): ScalarValue {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'number' || typeof value === 'boolean' ? value : null
  } catch {
    return null
  }
}
