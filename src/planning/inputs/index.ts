/**
 * What changed, and why: which files belong to which build, the hashes over them, and explanations of both. Pure.
 *
 * `filesToRead` (until it is empty) → `selectInputs` → `hashInputs` → `explainHash`, `createReuseExplanation`.
 */
export { carrySelection } from './carry-selection.ts'
export type { FileContents } from './commit-view.ts'
export { explainHash } from './explain-hash.ts'
export { createReuseExplanation } from './explain-reuse.ts'
export { filesToRead, maximumReadRounds } from './files-to-read.ts'
export { type HashRequest, hashInputs, type InputHashes } from './hash-inputs.ts'
export type { HashedService, HashManifest } from './hash-manifest.ts'
export { projectKeys } from './keyed-file.ts'
export { type KeptSelection, packSelection, unpackSelection } from './packed-selection.ts'
export { packerVersion } from './packer-version.ts'
export { projectFile, selectInputs, selectOverlays } from './select-inputs.ts'
export { SelectedFiles } from './selected-files.ts'
export type { InputRule, SelectedInput, Selection, ServiceInputs } from './selected-input.ts'
export { unclaimedPaths } from './unclaimed-paths.ts'
