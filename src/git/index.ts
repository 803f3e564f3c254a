/**
 * Everything Trunkline knows from git and writes to it: the user's clone, only ever read, and the state refs of its
 * remote, behind a bare cache of our own.
 */

export { decodePath, encodePath, hasRawBytes } from '../model/path-bytes.ts'
export {
  type BranchCommit,
  type BranchEntry,
  type BranchFile,
  type BranchRepository,
  type LoggedCommit,
  openBranchRepository,
  patternOptions,
} from './branch-repository.ts'
export { withoutCredentials } from './credentials.ts'
export { configValue, findRepository, type LocalRepository } from './local-repository.ts'
export {
  absoluteUrl,
  locationAt,
  type RemoteLocation,
  resolveFetchLocation,
  resolveStateLocation,
} from './remote-location.ts'
export { type OpenedSourceRepository, openSourceRepository, type SourceRepositoryOptions } from './source-repository.ts'
export { type OpenedStateStore, openStateStore, type StateStoreOptions } from './state-store.ts'
export { describeWorkingCopy, type FileState, fileState, type WorkingCopy } from './working-copy.ts'
