import { failedError } from '../../model/index.ts'

/** The bytes are the digest's, and yet no archive that can be read: a verdict on the artifact, not on the store. */
export const malformed = (what: string, cause?: unknown) =>
  failedError('ARTIFACT_MALFORMED', `the artifact cannot be unpacked: ${what}`, {
    hint: 'it was not packed by Trunkline, or by a version that is newer than this one',
    cause,
  })
