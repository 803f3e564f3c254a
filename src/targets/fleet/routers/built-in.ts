import type { RouterClient } from '../router/index.ts'
import type { ServiceRouter } from './service-router.ts'

/** Trunkline's own router, a process of its own that checks health and counts requests itself. */
export const builtInRouter = (client: RouterClient): ServiceRouter => ({
  services: () => client.services(),
  put: (key, spec) => client.putService(key, spec),
  remove: (key) => client.deleteService(key),
  close: () => {},
})
