/** The clusters under one environment: where each service goes, and work done in one after the other. */

import { type ClusterSession, type OpenSession, sessionOpener, told } from '../../kubernetes-api/session.ts'
import {
  type AwsAccess,
  type EnvironmentName,
  fillIn,
  type KubernetesConfig,
  type ServiceName,
} from '../../model/index.ts'
import type { Place } from './names.ts'

export type KubernetesTargetOptions = {
  config: KubernetesConfig
  project: string
  environment: EnvironmentName
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
  /** Of the environment, where it says: clusters of EKS are in it. */
  aws?: AwsAccess | null
}

export type Clusters = {
  readonly options: KubernetesTargetOptions
  /** In the order in which they are rolled out. */
  readonly openers: readonly OpenSession[]
  placeOf(service: ServiceName): Place
  /** Public; null: none is known. */
  urlOf(service: ServiceName): string | null
  /** Services by their place: those whose names are part of the namespace's are looked at one by one. */
  byPlace(services: readonly ServiceName[]): Array<{ place: Place; services: ServiceName[] }>
  /** In one after the other. */
  inEach<Result>(signal: AbortSignal, work: (session: ClusterSession) => Promise<Result>): Promise<Result[]>
  /** In the one that keeps what all of them share. */
  inFirst<Result>(signal: AbortSignal, work: (session: ClusterSession) => Promise<Result>): Promise<Result>
}

/** Contacts nothing yet. */
export function openClusters(options: KubernetesTargetOptions): Clusters {
  const { config, project, environment, root, variables, aws } = options
  const openers = config.clusters.map((access) => sessionOpener(access, { root, variables, aws: aws ?? null }))
  const placeOf = (service: ServiceName): Place => ({
    ...{ project, environment },
    namespace: fillIn(config.namespace, { project, environment, service }),
  })
  const inOne = async <Result>(
    open: OpenSession,
    signal: AbortSignal,
    work: (session: ClusterSession) => Promise<Result>,
  ): Promise<Result> => {
    const session = await open(signal)
    return await told(session, () => work(session))
  }
  return {
    options,
    openers,
    placeOf,
    urlOf: (service) => (config.url === null ? null : fillIn(config.url, { project, environment, service })),
    byPlace(services) {
      const groups = Map.groupBy(services, (service) => placeOf(service).namespace)
      return [...groups].map(([namespace, members]) => ({
        place: { project, environment, namespace },
        services: members,
      }))
    },
    async inEach(signal, work) {
      const results = []
      for (const open of openers) results.push(await inOne(open, signal, work))
      return results
    },
    async inFirst(signal, work) {
      const [first] = openers
      if (first === undefined) throw new Error('a target without clusters')
      return await inOne(first, signal, work)
    },
  }
}
