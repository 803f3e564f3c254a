/**
 * What stands in front of a service's instances, as the agent needs it: told who shall have requests and in what
 * proportions, and asked who still has some. Trunkline's own router, nginx and HAProxy each are one.
 */
import type { RouterConfig } from '../../../model/index.ts'
import type { BackendStatus, ServiceSpec } from '../router/index.ts'

export type RoutedBackend = Pick<BackendStatus, 'id' | 'state' | 'accepting'> & {
  /** Requests and tunnels under way; null: some may be, and it cannot be told how many. */
  inFlight: number | null
}

export type RoutedService = {
  key: string
  /** Where people reach it. */
  listen: { host: string; port: number }
  /** Removed, and still ending what it has. */
  deleted: boolean
  backends: RoutedBackend[]
}

export type ServiceRouter = {
  /** Everything it serves for this fleet. Errored `ROUTER_UNREACHABLE` where it cannot be asked. */
  services(): Promise<RoutedService[]>
  /**
   * Makes the service exactly so; when it returns that is in effect, and a drained or removed backend gets no new
   * request. `name` is what the team calls it there. Errored where it cannot: then nothing has changed.
   */
  put(key: string, spec: ServiceSpec, name: string): Promise<RoutedService>
  /** Removing what is not there does nothing. */
  remove(key: string): Promise<void>
  /** Ends what it does for itself, such as health checks; services go on being served. */
  close(): void
}

/** `{project}`, `{environment}` and `{service}` in the name a team gave its backends. */
export function routedName(
  router: RouterConfig,
  { project, environment, service }: { project: string; environment: string; service: string },
): string {
  if (router.kind === 'built-in') return service
  const pattern = router.kind === 'nginx' ? router.upstream : router.backend
  const values: Record<string, string> = { project, environment, service }
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole).replace(/[^\w.:-]/g, '-')
}
