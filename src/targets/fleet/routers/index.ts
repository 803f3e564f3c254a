/** The routers a fleet may have in front of its instances. */
import type { RouterConfig } from '../../../model/index.ts'
import type { RouterClient } from '../router/index.ts'
import { builtInRouter } from './built-in.ts'
import { haproxyRouter } from './haproxy.ts'
import { nginxRouter } from './nginx.ts'
import type { RouterSurroundings } from './router-surroundings.ts'
import type { ServiceRouter } from './service-router.ts'

export * from './router-surroundings.ts'
export * from './service-router.ts'

type Adapters = {
  [Kind in RouterConfig['kind']]: (
    config: Extract<RouterConfig, { kind: Kind }>,
    surroundings: RouterSurroundings,
    client: RouterClient,
  ) => ServiceRouter
}

const adapters: Adapters = {
  'built-in': (_config, _surroundings, client) => builtInRouter(client),
  nginx: nginxRouter,
  haproxy: haproxyRouter,
}

/** The router that a configuration names. Contacts nothing yet. */
export function openServiceRouter(
  config: RouterConfig,
  surroundings: RouterSurroundings,
  client: RouterClient,
): ServiceRouter {
  // The entry under a kind takes configurations of that kind; the compiler does not follow an index through a union.
  const open = adapters[config.kind] as (
    config: RouterConfig,
    surroundings: RouterSurroundings,
    client: RouterClient,
  ) => ServiceRouter
  return open(config, surroundings, client)
}
