/** GitOps: images go into a manifest repository, and Argo CD or Flux brings them to a cluster. */
import { join } from 'node:path'
import { absoluteUrl, openBranchRepository } from '../../git/index.ts'
import { sha256 } from '../../hashing/index.ts'
import type { Home } from '../../home/index.ts'
import { sessionOpener } from '../../kubernetes-api/session.ts'
import {
  type AwsAccess,
  type EnvironmentName,
  fillIn,
  type GitOpsConfig,
  reason,
  refusedError,
  type ServiceName,
  type Verdict,
} from '../../model/index.ts'
import type { Clock, Examined, Target } from '../../ports/index.ts'
import { openDeploying } from './deploy.ts'
import { openFollower } from './following/follower.ts'
import { findImageDrift, type ObserveOptions, observeServices } from './observe.ts'
import { openPullRequestHost, type PullRequestHost } from './repository/pull-requests.ts'
import { placesOf } from './repository/service-places.ts'

export type GitOpsTargetOptions = {
  config: GitOpsConfig
  project: string
  environment: EnvironmentName
  home: Home
  clock: Clock
  root: string
  variables: NodeJS.ProcessEnv
  /** Of the environment, where it says: clusters of EKS are in it. */
  aws?: AwsAccess | null
}

/** Contacts nothing yet. */
export function createGitOpsTarget(options: GitOpsTargetOptions): Target {
  const { config, project, environment, home, clock, root, variables, aws = null } = options
  const url = absoluteUrl(config.repository, root)
  const branch = fillIn(config.branch, { project, environment })
  const cacheDirectory = join(home.sources, `manifests-${sha256(url).slice(0, 16)}`)
  const repository = openBranchRepository({ url, cacheDirectory, environment: variables })
  const session = config.follow === null ? null : sessionOpener(config.follow.cluster, { root, variables, aws })
  const follower =
    config.follow === null || session === null ? null : openFollower({ config: config.follow, session, clock })
  let host: PullRequestHost | null = null
  const pullRequests = () => {
    if (config.pullRequest !== null)
      host ??= openPullRequestHost({ config: config.pullRequest, repository: url, variables })
    return host
  }
  const deploying = openDeploying({
    ...{ config, project, environment, repository, branch, pullRequests, follower, clock },
  })

  const observing: ObserveOptions = {
    ...{ repository, branch, project, environment },
    placesOf: (service) => placesOf(service, options),
    async followedState(service, signal) {
      const { name, namespace } = deploying.followed(service)
      return (await follower?.observe(name, namespace, signal)) ?? null
    },
  }
  const observe = (services: readonly ServiceName[], signal: AbortSignal) =>
    observeServices(observing, services, signal)

  return {
    kind: 'gitops',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'conditional' },
    // One commit brings them all; each then only waits.
    rolloutsAtOnce: 50,
    writesAtOnce: true,

    async observe(services, signal) {
      return { reachable: true, services: await observe(services, signal) }
    },

    // Variables reach the cluster by the manifests' own means: none of them is given by Trunkline.
    fingerprint: async () => ({}),

    plan: async () => ({ previews: {} }),

    ensure: (request, context) => deploying.ensure(request, context),

    async verify({ service, desired }, { signal }): Promise<Verdict> {
      const { [service]: observed } = await observe([service], signal)
      if (observed?.artifact !== desired.artifact) {
        const why = observed?.detail === undefined ? '' : ` (${observed.detail})`
        return {
          ok: false,
          reasons: [
            reason('not-as-deployed', `${branch} of ${repository.label} no longer has this image of ${service}${why}`),
          ],
        }
      }
      if (observed.instances.ready > 0) return { ok: true }
      return { ok: false, reasons: [reason('not-healthy', `${service} is not healthy: ${observed.detail ?? ''}`)] }
    },

    // Whole manifests are nothing that Trunkline wrote: who keeps them decides when they go.
    async remove(service, { log }) {
      log(`${service} is no longer deployed; its manifests stay in ${repository.label} until somebody removes them`)
      return { ok: true }
    },

    runJob: async ({ name }) => {
      throw refusedError('NO_PLACE_FOR_JOBS', `${name} has no place to run: a manifest repository runs no commands`, {
        hint: 'Leave it to a hook of Argo CD or a Job of the manifests, or give its service a kubernetes target.',
      })
    },
    findDrift: (services, signal) => findImageDrift(observing, services, signal),
    async examine(_services, signal): Promise<Examined[]> {
      const found = pullRequests()
      if (found === null) return []
      // Of no deployment: what is asked is whether the token may ask.
      await found.find(`trunkline/${environment}/doctor`, branch, signal)
      return [{ isWell: true, message: `the token for pull requests is taken by ${config.pullRequest?.api}` }]
    },
    close: async () => await session?.close(),
    jobOutcome: async () => ({ kind: 'never-started' }),
    // biome-ignore lint/correctness/useYield: there is nothing to read
    async *logs({ service }) {
      throw refusedError('NO_LOGS', `the output of ${service} is not in the manifest repository`, {
        hint: 'kubectl logs shows it, where it runs.',
      })
    },
  }
}
