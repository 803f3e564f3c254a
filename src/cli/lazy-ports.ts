/** Ports that most commands never use: what stands behind them is loaded at the first call. */

import { builderIdentity, builderPlatform } from '../building/builder-identity.ts'
import type { BuilderOptions } from '../building/index.ts'
import type { Project, WorkplaceConfig } from '../model/index.ts'
import type { Builder, HttpProbe, Notifier } from '../ports/index.ts'

export type LazyBuilderOptions = BuilderOptions & {
  project: Project
  /** What relative paths of the configuration start from. */
  root: string
}

/** On this machine, or where trunk says that builds run. */
export function lazyBuilder(options: LazyBuilderOptions): Builder & { close(): Promise<void> } {
  const { on, parallel } = options.project.builds
  let opened: Promise<Builder> | null = null
  const open = (): Promise<Builder> => {
    opened ??= on === null ? openLocal(options) : openElsewhere(options, on)
    return opened
  }
  return {
    identity: builderIdentity(options.environment),
    platform: on === null ? builderPlatform() : platformOf(on),
    ...(parallel === null ? {} : { atOnce: parallel }),
    check: async (request, context) => (await open()).check(request, context),
    build: async (request, context) => (await open()).build(request, context),
    runInCheckout: async (request, context) => (await open()).runInCheckout(request, context),
    discard: async (artifact) => (await open()).discard(artifact),
    close: async () => (await opened?.catch(() => null))?.close?.(),
  }
}

const platformOf = (on: WorkplaceConfig): string =>
  on.kind === 'kubernetes' ? on.kubernetes.platform : on.codebuild.platform

async function openLocal(options: BuilderOptions): Promise<Builder> {
  const { createBuilder } = await import('../building/index.ts')
  return createBuilder(options)
}

async function openElsewhere(options: LazyBuilderOptions, on: WorkplaceConfig): Promise<Builder> {
  const { project, root, environment, home, source, artifacts, clock } = options
  const { createWorkplaceBuilder, openWorkplace } = await import('../workplaces/index.ts')
  const workplace = await openWorkplace(on, {
    ...{ project: project.name, root, variables: environment, clock },
    aws: project.aws ?? null,
  })
  return createWorkplaceBuilder({
    ...{ workplace, source, artifacts, environment, project: project.name, workDirectory: home.work },
    local: lazyBuilder({ ...options, project: { ...project, builds: { ...project.builds, on: null } } }),
    store: project.artifacts,
    aws: project.aws ?? null,
    services: Object.keys(project.services),
  })
}

export function lazyProbe(): HttpProbe {
  return {
    async probe(request, signal) {
      const { createHttpProbe } = await import('../probing/index.ts')
      return await createHttpProbe().probe(request, signal)
    },
  }
}

/** For projects that tell nobody. */
export const silentNotifier: Notifier = { send: () => {}, flush: async () => [] }
