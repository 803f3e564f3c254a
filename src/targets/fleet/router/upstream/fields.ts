/** Lines of headers and trailers. */

const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Control characters but tab; CR and LF that do not end a line stand in a value, too. */
const forbidden = /[\0-\x08\x0a-\x1f\x7f]/

/**
 * Adds the names and values of the lines from there on, which CRLF separates. False where one is malformed: a name that
 * is none, space before its colon, a line that continues the one before, a control character.
 */
export function readFields(text: string, from: number, fields: string[]): boolean {
  for (let at = from; at < text.length; ) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon >= end) return false
    const name = text.slice(at, colon)
    const value = trimmed(text, colon + 1, end)
    if (!isToken.test(name) || forbidden.test(value)) return false
    fields.push(name, value)
    at = end + 2
  }
  return true
}

/** Without spaces and tabs around it, and none other: `trim` takes more. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09
