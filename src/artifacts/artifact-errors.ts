/** Sentences that every adapter says in the same way. */
import { cancelledError, type Digest, erroredError, short, TrunklineError } from '../model/index.ts'

export const artifactMissing = (digest: Digest, location: string, cause?: unknown) =>
  erroredError('ARTIFACT_MISSING', `${short(digest)} is not in ${location}`, {
    hint: `was it deleted there, or is this another store than the one it was built into? The full digest is ${digest}`,
    cause,
  })

/** `place` is where the wrong bytes lie: a path or a URL. */
export const artifactCorrupt = (digest: Digest, place: string, found: string, cause?: unknown) =>
  erroredError('ARTIFACT_CORRUPT', `${place} does not hold ${short(digest)}: it holds ${found}`, {
    hint: `nothing was used of it; storing ${digest} again repairs it`,
    cause,
  })

export const artifactIsIndex = (digest: Digest, location: string) =>
  erroredError('ARTIFACT_IS_INDEX', `${short(digest)} in ${location} is an image for several platforms`, {
    hint: 'a bundle or a zip is expected here: is it the artifact of another service?',
  })

/** What to throw when work was aborted: the signal's own reason where it is a Trunkline error. */
export const abortReason = (signal: AbortSignal): TrunklineError =>
  signal.reason instanceof TrunklineError ? signal.reason : cancelledError()

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal)
}
