/** Names made of several names, injective: no project can be spelled so that it meets another's files or keys. */
import { digestOf, sha256 } from '../../../hashing/index.ts'
import type { Scope } from './protocol.ts'

/** `shop/stage`; a `/` within a name is escaped. */
export const scopeKey = (scope: Scope): string =>
  [scope.project, scope.environment].map((part) => encodeURIComponent(part)).join('/')

/** `shop/stage/carts`: the service's key at the router, and everywhere in the agent. */
export const serviceKey = (scope: Scope, service: string): string => `${scopeKey(scope)}/${encodeURIComponent(service)}`

/** The key at the router of what a rollout in stages shows before it is public. No service can be named so: `#` is escaped. */
export const previewKey = (serviceKey: string): string => `${serviceKey}#preview`

/** A file name for a key. */
export const fileNameOf = (key: string): string => sha256(key).slice(0, 32)

export const jobFolderName = (scope: Scope, key: string): string => digestOf('job', { ...scope, key }).slice(0, 32)
