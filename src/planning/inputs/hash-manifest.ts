import type { InputHash } from '../../model/index.ts'
import type { SelectedFiles } from './selected-files.ts'

/**
 * A hash with everything it was made from, so that two of them can be compared and the difference told.
 * It lives in memory for one run. The values of passed-through variables stand in it as digests only.
 */
export type HashManifest = {
  /** `carts`, `carts/test`, `prepare`: for people. */
  subject: string
  hash: InputHash
  /** Every file that counts: lists sorted by path, of which no two have a path in common. */
  files: readonly SelectedFiles[]
  /**
   * What was hashed: `files:0`, `files:1` (digest over each list of files), `run`, `artifact`, `env:NAME`, `pass:NAME`, `tool:NAME`,
   * `platform`, `packer`, `rebuild`, `prepare`, `needs:SERVICE`. The hash is the digest of this record and nothing else.
   */
  parts: Readonly<Record<string, string>>
  /** Manifests behind the parts that are hashes themselves, by part name. */
  behind: Readonly<Record<string, HashManifest>>
}

/** All hashes of one service. A service that runs another's artifact has its owner's `build`. */
export type HashedService = {
  build: HashManifest
  checks: Record<string, HashManifest>
  deploy: HashManifest
}
