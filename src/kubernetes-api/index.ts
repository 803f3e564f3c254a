/** The Kubernetes API: who is asked and as whom, requests, where kinds are found, and mirrors of what is there. */
export { type ApiClient, type ApiRequest, openClient } from './client.ts'
export { type Condition, conditionsOf } from './conditions.ts'
export { type ClusterConnection, type ConnectionSurroundings, findConnection } from './kubeconfig.ts'
export * from './objects.ts'
export { troublesOf } from './pod-troubles.ts'
export { ApiError, asTrunklineError, isConflict, isGone, isNotFound, type StatusCause } from './problem.ts'
export { collectionPath, openResources, type Resource, type Resources } from './resources.ts'
export { listAll, type Mirror, openMirror, type Selection } from './watch.ts'
