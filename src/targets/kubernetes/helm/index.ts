/** Charts, by the real `helm`: `helm list` shows them, hooks run, and what does not get healthy goes back. */
export type { HelmFailure } from './explain-failure.ts'
export { type HelmWentBack, helmGoBack, uninstall as helmUninstall } from './go-back.ts'
export { type HelmCluster, type HelmRelease, type HelmRequest, helmDescriptionOf, releaseOf } from './helm-request.ts'
export { deployedIn, type HelmRevision, helmHistory, helmObjects } from './history.ts'
export { helmInstaller } from './installer.ts'
export { type HelmUpgraded, helmUpgrade, helmVariables, type UpgradeOptions } from './upgrade.ts'
