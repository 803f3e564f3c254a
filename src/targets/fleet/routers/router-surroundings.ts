import { erroredError } from '../../../model/index.ts'
import type { ServiceSpec } from '../router/index.ts'

/** What a router that is not ours needs of the agent. */
export type RouterSurroundings = {
  /** Tells this fleet's files from another's. */
  fleet: string
  /** Of the commands it runs. */
  environment: Record<string, string>
  log(message: string): void
}

/** Where the team's own configuration serves it. */
export function addressIn({ listen }: ServiceSpec, name: string): { host: string; port: number } {
  if (listen.port !== null) return { host: listen.host, port: listen.port }
  throw erroredError('PORT_NEEDED', `nobody has said on which port the team's router serves ${name}`, {
    hint: "Name the service's port under `ports` of the fleet.",
  })
}
