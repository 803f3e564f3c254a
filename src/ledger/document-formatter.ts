/** Formatting states one after the other that share most of their parts. Pure. */

/** Parts of a document that lie this deep in it or deeper are formatted with the part they are in. */
const sharedLevels = 3
/** Shorter ones are joined: a piece has a cost of its own. */
const pieceLength = 2048

/**
 * `formatDocument`, in pieces, for a row of objects each made from the one before: a part that is the same object is not
 * formatted again. For plain data that nobody changes in place, as the fold makes it.
 */
export function documentFormatter(): (value: object) => Uint8Array[] {
  const texts = Array.from({ length: sharedLevels }, () => new WeakMap<object, string>())
  const pieces = new WeakMap<object, Uint8Array>()

  const format = (value: unknown, level: number): string | undefined => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    const known = texts[level]
    // No line end is inside a string: JSON escapes it.
    if (known === undefined) return JSON.stringify(value, null, 2).replaceAll('\n', `\n${'  '.repeat(level)}`)
    const before = known.get(value)
    if (before !== undefined) return before
    const text = Array.isArray(value)
      ? enclose(['[', ']'], itemsOf(value, level), level)
      : enclose(['{', '}'], membersOf(value, level), level)
    known.set(value, text)
    return text
  }

  const itemsOf = (value: readonly unknown[], level: number): string[] =>
    value.map((item) => format(item, level + 1) ?? 'null')

  const membersOf = (value: object, level: number): string[] =>
    Object.entries(value).flatMap(([name, member]) => {
      const text = format(member, level + 1)
      return text === undefined ? [] : [`${JSON.stringify(name)}: ${text}`]
    })

  const pieceOf = (value: object, text: string): Uint8Array => {
    const piece = pieces.get(value) ?? Buffer.from(text)
    pieces.set(value, piece)
    return piece
  }

  return (document) => {
    const found: Uint8Array[] = []
    let open = ''
    let opening = '{\n  '
    for (const [name, member] of Object.entries(document)) {
      const text = format(member, 1)
      if (text === undefined) continue
      open += `${opening}${JSON.stringify(name)}: `
      opening = ',\n  '
      if (text.length < pieceLength || typeof member !== 'object' || member === null) open += text
      else {
        found.push(Buffer.from(open), pieceOf(member, text))
        open = ''
      }
    }
    found.push(Buffer.from(opening === ',\n  ' ? `${open}\n}\n` : '{}\n'))
    return found
  }
}

function enclose([open, close]: readonly [string, string], parts: readonly string[], level: number): string {
  if (parts.length === 0) return open + close
  const indent = '  '.repeat(level)
  return `${open}\n${indent}  ${parts.join(`,\n${indent}  `)}\n${indent}${close}`
}
