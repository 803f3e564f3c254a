/**
 * What changed, and why: which files belong to which build, the hashes over them, and explanations of both. Pure.
 *
 * What selects anew is behind a door of its own (`selecting.ts`): it brings parsers of many formats, and most commands
 * carry over what an earlier one selected.
 */
export { carrySelection } from './carry-selection.ts'
export type { FileContents } from './commit-view.ts'
export { explainHash } from './explain-hash.ts'
export { createReuseExplanation } from './explain-reuse.ts'
export { type HashRequest, hashInputs, type InputHashes, preparesNothing } from './hash-inputs.ts'
export type { HashedService, HashManifest } from './hash-manifest.ts'
export { type KeptSelection, packSelection, unpackSelection } from './packed-selection.ts'
export { packerVersion } from './packer-version.ts'
export { projectFile } from './project-file.ts'
export { SelectedFiles } from './selected-files.ts'
export type { InputRule, SelectedInput, Selection, ServiceInputs } from './selected-input.ts'
