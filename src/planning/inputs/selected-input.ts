import type { Reason, ServiceName, TreeEntry } from '../../model/index.ts'
import type { SelectedFiles } from './selected-files.ts'

/** Why a file belongs to a build. */
export type InputRule =
  /** In the service's own folder. */
  | 'path'
  /** Named under `inputs`, `checkInputs` or `deployInputs`. */
  | 'declared'
  /** Named under the project's `shared`. */
  | 'shared'
  /** Named under `prepare.inputs`. */
  | 'prepare'
  /** Of a workspace, or a folder, that a package.json depends on. */
  | 'npm-workspace'
  /** The lockfile and settings that decide what a package manager installs. */
  | 'npm-lockfile'
  | 'tsconfig'
  | 'go-package'
  | 'go-embed'
  | 'go-module'
  /** Read by `go test` only. */
  | 'go-test'
  | 'dockerfile-copy'
  | 'python-path'
  /** What a symbolic link among the inputs leads to. */
  | 'symlink'

/** One file of a build, and why it is one. */
export type SelectedInput = {
  entry: TreeEntry
  /** The path or glob that it matched. */
  input: string
  rule: InputRule
  /** Only these keys of the file count, and only they are laid down for a build. */
  keys?: string[]
  /** Digest of the reduced file; there exactly when `keys` is. */
  keysDigest?: string
  /** One clause naming the evidence: `services/carts/package.json depends on @shop/common`. */
  because?: string
}

/** What one service's build, checks and deployment read. All lists are sorted by path, each path once. */
export type ServiceInputs = {
  inputs: SelectedFiles
  /** Read by checks besides `inputs`. */
  checkInputs: SelectedFiles
  deployInputs: SelectedFiles
  prepare: SelectedFiles
  /** What could not be read with certainty, and declarations that mean nothing. */
  notes: Reason[]
}

export type Selection = Record<ServiceName, ServiceInputs>
