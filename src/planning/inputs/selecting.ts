/**
 * From a tree to the inputs of every service; loaded by those who need it. Pure.
 *
 * `filesToRead` (until it is empty) → `selectInputs`; then `hashInputs`, `explainHash`, `createReuseExplanation`.
 */
export { filesToRead, maximumReadRounds } from './files-to-read.ts'
export { type CommitHashes, FollowedHashes } from './followed-hashes.ts'
export { FollowedSelection } from './followed-selection.ts'
export { projectKeys } from './keyed-file.ts'
export { selectInputs, selectOverlays } from './select-inputs.ts'
export { unclaimedPaths } from './unclaimed-paths.ts'
