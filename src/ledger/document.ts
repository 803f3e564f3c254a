/** Stored documents: JSON a person can read in `git show`, with a version that later readers understand. */
import { erroredError } from '../model/index.ts'
import type { Shape } from './shapes/shape.ts'

/** The largest honest one is the release of a thousand services; a bomb is not parsed at all. */
const longestDocument = 64 * 1024 * 1024

export const formatDocument = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/**
 * Reads a document of version 1 and of the given shape. Whoever may push can write anything under the state refs, so
 * nothing of it is used unchecked. `place` names it in errors: `refs/trunkline/env/prod state.json`.
 * Throws errored `STATE_UNREADABLE` and `STATE_TOO_NEW`.
 */
export function parseDocument<T extends { version: 1 }>(text: string, place: string, shape: Shape): T {
  const known = recallDocument(shape, text)
  if (known !== undefined) return known as T // Of this shape when it was read.
  const value = parseJson(text, place)
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'version') || !('version' in value)) {
    throw unreadable(place, 'has no version')
  }
  if (typeof value.version === 'number' && Number.isSafeInteger(value.version) && value.version > 1) {
    throw erroredError('STATE_TOO_NEW', `${place} was written by a newer Trunkline (version ${value.version})`, {
      hint: 'upgrade Trunkline on this machine',
    })
  }
  const fault = shape(value)
  if (fault !== null) throw unreadable(place, `does not read as it should: ${fault.path.slice(0, 300)} ${fault.what}`)
  rememberDocument(shape, text, value)
  return value as T // The shape says so; older versions are converted here once there are any.
}

/**
 * One command reads the same states and records several times, a rollout dozens of times. What was read is never
 * changed, so that all readers of one text may share it.
 */
const read = new Map<Shape, Map<string, object>>()
const mostRemembered = 256
/** Of large documents few are read twice, and each would be held. */
const longestRemembered = 65_536
let remembered = 0

const recallDocument = (shape: Shape, text: string): object | undefined => read.get(shape)?.get(text)

function rememberDocument(shape: Shape, text: string, value: object): void {
  if (text.length > longestRemembered) return
  if (remembered >= mostRemembered) {
    read.clear()
    remembered = 0
  }
  const ofShape = read.get(shape) ?? new Map<string, object>()
  read.set(shape, ofShape.set(text, value))
  remembered += 1
}

/** A document stands where another one belongs: a copy of a record, put under another key, counts for nothing. */
export function assertStandsFor(place: string, found: string, wanted: string, what: string): void {
  if (found !== wanted) throw unreadable(place, `is about another ${what}`)
}

function parseJson(text: string, place: string): unknown {
  if (text.length > longestDocument) throw unreadable(place, 'is larger than 64 MiB')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw erroredError('STATE_UNREADABLE', `${place} is not JSON`, { hint: writtenByHand, cause })
  }
}

const writtenByHand = 'someone wrote to this ref by hand; look at it with git log'

const unreadable = (place: string, what: string) =>
  erroredError('STATE_UNREADABLE', `${place} ${what}`, { hint: writtenByHand })
