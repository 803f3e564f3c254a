/** Ports that most commands never use: what stands behind them is loaded at the first call. */

import { builderIdentity, builderPlatform } from '../building/builder-identity.ts'
import type { BuilderOptions } from '../building/index.ts'
import type { Builder, HttpProbe, Notifier } from '../ports/index.ts'

export function lazyBuilder(options: BuilderOptions): Builder {
  let opened: Promise<Builder> | null = null
  const open = (): Promise<Builder> => {
    opened ??= import('../building/index.ts').then(({ createBuilder }) => createBuilder(options))
    return opened
  }
  return {
    identity: builderIdentity(options.environment),
    platform: builderPlatform(),
    check: async (request, context) => (await open()).check(request, context),
    build: async (request, context) => (await open()).build(request, context),
    runInCheckout: async (request, context) => (await open()).runInCheckout(request, context),
    discard: async (artifact) => (await open()).discard(artifact),
  }
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
