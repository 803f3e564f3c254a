import { type Digest, erroredError, short } from '../../../model/index.ts'

/** The artifact must be installed before anything runs from it. */
export const missingArtifact = (digest: Digest) =>
  erroredError('ARTIFACT_NOT_INSTALLED', `artifact ${short(digest)} is not on this host`)
