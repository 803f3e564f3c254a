/**
 * Writes canonical JSON part by part. As one text, every piece of a plan of a thousand services would stay in memory
 * until the last is there.
 */
const partLength = 1 << 13

export class CanonicalWriter {
  readonly #take: (part: string) => void
  #text = ''

  /** `take` gets the text in parts, of which none ends within a character. */
  constructor(take: (part: string) => void) {
    this.#take = take
  }

  put(piece: string): void {
    this.#text += piece
    if (this.#text.length >= partLength) this.end()
  }

  /** Hands over what is left. */
  end(): void {
    if (this.#text !== '') this.#take(this.#text)
    this.#text = ''
  }

  write(value: unknown): void {
    if (value === null || typeof value !== 'object') this.put(jsonOf(value))
    else if (Array.isArray(value)) this.#writeList(value)
    else this.#writeMembers(value as Record<string, unknown>) // no array, no null: an object
  }

  #writeList(items: readonly unknown[]): void {
    let before = '['
    for (const item of items) {
      this.put(before)
      before = ','
      this.write(item ?? null)
    }
    this.put(items.length === 0 ? '[]' : ']')
  }

  #writeMembers(members: Record<string, unknown>): void {
    const keys = Object.keys(members)
    const isInOrder = isSorted(keys)
    if (isInOrder && keys.length > 0 && keys.every((key) => isPlain(members[key]))) {
      this.put(JSON.stringify(members))
      return
    }
    if (!isInOrder) sortInPlace(keys)
    let isFirst = true
    for (const key of keys) {
      const member = members[key]
      if (member === undefined) continue
      const { first, next } = labelOf(key)
      this.put(isFirst ? first : next)
      isFirst = false
      this.write(member)
    }
    this.put(isFirst ? '{}' : '}')
  }
}

function jsonOf(value: unknown): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`not JSON: ${typeof value}`)
  return text
}

/** `JSON.stringify` writes objects of such members, with sorted keys, as they are to be. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true
    default:
      return value === null
  }
}

/** How a key is written, in front of the first member and of the others. */
type Label = { first: string; next: string }

/** Most keys are a few words again and again. */
const labels = new Map<string, Label>()
const mostLabels = 512

function labelOf(key: string): Label {
  const known = labels.get(key)
  if (known !== undefined) return known
  const quoted = JSON.stringify(key)
  const label = { first: `{${quoted}:`, next: `,${quoted}:` }
  if (labels.size < mostLabels) labels.set(key, label)
  return label
}

const longestSortedInPlace = 24

/** By code units. Objects are small, and `sort` makes copies: for a plan of a thousand services tens of megabytes. */
function sortInPlace(keys: string[]): void {
  if (keys.length > longestSortedInPlace) {
    keys.sort()
    return
  }
  for (let end = 1; end < keys.length; end += 1) {
    const key = keys[end] ?? ''
    let at = end
    for (let before = keys[at - 1]; before !== undefined && before > key; before = keys[at - 1]) {
      keys[at] = before
      at -= 1
    }
    keys[at] = key
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? '') > (keys[at] ?? '')) return false
  return true
}
