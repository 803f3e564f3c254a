/** Speaks with a cluster of the tests as its administrator. */
import { type ClusterSession, sessionOpener } from '../../../src/kubernetes-api/session.ts'
import type { Cluster } from '../../parts/kubernetes/cluster.ts'

const { signal } = new AbortController()

export const sessionTo = ({ kubeconfig }: Cluster): Promise<ClusterSession> =>
  sessionOpener({ kubeconfig, context: null }, { root: '/', variables: {} })(signal)
