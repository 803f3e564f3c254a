/** Stored documents: JSON a person can read in `git show`, with a version that later readers understand. */
import { erroredError } from '../model/index.ts'

export const formatDocument = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** Reads a document of version 1. `place` names it in errors: `refs/trunkline/env/prod state.json`. */
export function parseDocument<T extends { version: 1 }>(text: string, place: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw erroredError('STATE_UNREADABLE', `${place} is not JSON`, {
      hint: 'someone wrote to this ref by hand; look at it with git log',
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || !('version' in value)) {
    throw erroredError('STATE_UNREADABLE', `${place} has no version`)
  }
  if (value.version !== 1) {
    throw erroredError(
      'STATE_TOO_NEW',
      `${place} was written by a newer Trunkline (version ${String(value.version)})`,
      {
        hint: 'upgrade Trunkline on this machine',
      },
    )
  }
  return value as T // Written by `formatDocument` from the same type; older versions are converted here once there are any.
}
