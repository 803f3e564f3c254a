/**
 * Shape checks for stored documents: hand-made, for state is read by every command and a schema library is dear to load.
 * A shape says what is wrong and where, or nothing. Keys it does not name are let through: a later version of the same
 * format may have more of them.
 */

/** What is wrong with a value, and the way to it from the top: `.running.services.carts.artifact`. */
export type Fault = { path: string; what: string }

export type Shape = (value: unknown) => Fault | null

/** More than this in one list or mapping is no honest document. */
const mostItems = 200_000
/** Longer text is no honest document either; log tails and reasons are far below. */
const longestText = 262_144

const fault = (what: string): Fault => ({ path: '', what })
const within = (step: string, { path, what }: Fault): Fault => ({ path: `${step}${path}`, what })

/** Text that a rule holds for; `what` completes "is not …". */
export const textWhere =
  (what: string, holds: (text: string) => boolean): Shape =>
  (value) =>
    typeof value === 'string' && value.length <= longestText && holds(value) ? null : fault(`is not ${what}`)

export const text: Shape = textWhere('text', () => true)

export const flag: Shape = (value) => (typeof value === 'boolean' ? null : fault('is neither true nor false'))

/** A whole number from 0 on. */
export const count: Shape = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? null : fault('is not a whole number')

/** A finite number, from 0 on. */
export const amount: Shape = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? null : fault('is not a number')

export const oneOf = (...words: readonly string[]): Shape => {
  const known = new Set(words)
  return (value) =>
    typeof value === 'string' && known.has(value)
      ? null
      : fault(`is ${typeof value === 'string' ? `${quoted(value)}, which this version does not know` : 'not a word'}`)
}

/** Of this very value. */
export const exactly =
  (wanted: string | number): Shape =>
  (value) =>
    value === wanted ? null : fault(`is not ${JSON.stringify(wanted)}`)

export const nullable =
  (shape: Shape): Shape =>
  (value) =>
    value === null ? null : shape(value)

/** May be absent. */
export const optional =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined ? null : shape(value)

export const listOf =
  (item: Shape): Shape =>
  (value) => {
    if (!Array.isArray(value)) return fault('is not a list')
    if (value.length > mostItems) return fault(`has more than ${mostItems} entries`)
    for (let at = 0; at < value.length; at += 1) {
      const found = item(value[at])
      if (found !== null) return within(`[${at}]`, found)
    }
    return null
  }

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A mapping with keys of the user's choice; never with one that changes what an object is. */
export const mappingOf =
  (key: Shape, item: Shape): Shape =>
  (value) => {
    if (!isMapping(value)) return fault('is not a mapping')
    let seen = 0
    for (const name of Object.keys(value)) {
      seen += 1
      if (seen > mostItems) return fault(`has more than ${mostItems} entries`)
      const wrong = name === '__proto__' ? fault('is not a key') : key(name)
      if (wrong !== null) return fault(`has the key ${quoted(name)}, which ${wrong.what}`)
      const found = item(value[name])
      if (found !== null) return within(step(name), found)
    }
    return null
  }

/** A mapping with these keys, and any others that a later version may have. */
export const object = (fields: Readonly<Record<string, Shape>>): Shape => {
  const known = Object.entries(fields)
  return (value) => {
    if (!isMapping(value)) return fault('is not a mapping')
    for (const [name, shape] of known) {
      const member = Object.hasOwn(value, name) ? value[name] : undefined
      const found = shape(member)
      if (found !== null) return within(step(name), member === undefined ? fault('is missing') : found)
    }
    return null
  }
}

/** All of them. */
export const all =
  (...shapes: readonly Shape[]): Shape =>
  (value) => {
    for (const shape of shapes) {
      const found = shape(value)
      if (found !== null) return found
    }
    return null
  }

/** A mapping whose `key` says which shape it has. */
export const variant = (key: string, shapes: Readonly<Record<string, Shape>>): Shape => {
  const kinds = object({ [key]: oneOf(...Object.keys(shapes)) })
  return (value) => {
    const found = kinds(value)
    if (found !== null) return found
    // `kinds` found a mapping whose key is one of these.
    return shapes[(value as Record<string, string>)[key] ?? '']?.(value) ?? null
  }
}

const quoted = (name: string): string => JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
const step = (name: string): string => (/^[A-Za-z_][\w-]{0,80}$/.test(name) ? `.${name}` : `[${quoted(name)}]`)
