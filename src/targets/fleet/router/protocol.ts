/**
 * What the router is told and what it answers: HTTP and JSON over a unix socket in its folder.
 *
 * `GET /healthz` · `GET /services` · `GET|PUT|DELETE /services/<key, percent-encoded>`;
 * `GET /services/<key>?revision=N&waitMs=M` answers once the service is no longer at revision N, or after M ms.
 */
import { join } from 'node:path'
import { z } from 'zod'

/** Changes when an older router or agent could misread a message. */
export const routerProtocol = 1

/** Long polls are answered after this at the latest. */
export const maxStatusWaitMs = 30_000

export const maxKeyLength = 1000
export const maxBackends = 1000
const maxDurationMs = 24 * 3_600_000

/** Where the router of a folder listens for its owner. Unix socket paths are short (104 bytes on macOS): so must be the folder's. */
export const routerSocketPath = (directory: string): string => join(directory, 'router.sock')

/** Where routers that have handed over listen, each under its pid and start time. */
export const retiredSocketsFolder = (directory: string): string => join(directory, 'old')

/** No socket of a router's folder has a longer path. */
export const longestSocketPath = (directory: string): string =>
  join(retiredSocketsFolder(directory), '4194304.99999999999')

/** Identifies a service over all projects and environments: `shop/stage/carts`. */
export const serviceKeySchema = z
  .string()
  .min(1)
  .max(maxKeyLength)
  .regex(/^[^\p{Cc}]+$/u, 'control characters')

const host = z
  .string()
  .max(253)
  .regex(/^(?:[A-Za-z0-9.-]+|[0-9a-fA-F:.]+)$/, 'neither a host name nor an IP address')
const port = z.number().int().min(1).max(65_535)
const durationMs = z.number().int().min(1).max(maxDurationMs)

export const healthCheckSchema = z.strictObject({
  /** A GET of it must answer 2xx; null: it is enough that the port accepts a connection. */
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'not a path')
    .max(2000)
    .nullable(),
  /** Between two probes of a healthy backend. */
  intervalMs: durationMs.default(2000),
  timeoutMs: durationMs.default(2000),
})
export type HealthCheck = z.infer<typeof healthCheckSchema>

export const backendSpecSchema = z.strictObject({
  /** Names the instance. The same id at another address is another backend. */
  id: z.string().min(1).max(200),
  host,
  port,
  /** Its share of new requests, relative to the others' weights; 0: none. */
  weight: z.number().min(0).max(1000),
  health: healthCheckSchema,
  /** No new requests; those under way end by themselves, or are cut after `drainTimeoutMs`. */
  drain: z.boolean(),
})
export type BackendSpec = z.infer<typeof backendSpecSchema>

/** A service as it shall be, whole: what it does not name is drained and forgotten. */
export const serviceSpecSchema = z.strictObject({
  listen: z.strictObject({
    host,
    /** null: a free one, the same for this key for ever. */
    port: port.nullable(),
  }),
  backends: z
    .array(backendSpecSchema)
    .max(maxBackends)
    .refine((backends) => new Set(backends.map((backend) => backend.id)).size === backends.length, 'the same id twice'),
  /** How long requests, streams and tunnels may go on when their backend is drained or removed, or the service deleted. */
  drainTimeoutMs: z.number().int().min(0).max(maxDurationMs),
})
export type ServiceSpec = z.infer<typeof serviceSpecSchema>

const count = z.number().int().min(0)

export const backendStatusSchema = z.object({
  id: z.string(),
  host: z.string(),
  port: z.number().int(),
  weight: z.number(),
  drain: z.boolean(),
  /** No longer in the spec; listed until nothing of it is under way. */
  removed: z.boolean(),
  /** `starting` until the first probe that succeeds, also when some have failed. */
  state: z.enum(['starting', 'healthy', 'unhealthy']),
  /**
   * Whether a new request may reach it now. A removed backend goes on accepting until one of the new spec is healthy.
   * It may be stopped when it accepts nothing and `inFlight` is 0, or when it is not listed at all.
   */
  accepting: z.boolean(),
  /** Requests and tunnels under way. */
  inFlight: count,
  /** Of these, upgraded connections (WebSockets). */
  tunnels: count,
  totals: z.object({
    /** Requests and tunnels ever given to it, including those tried elsewhere afterwards. */
    requests: count,
    /** Of these, how many it failed (refused, reset, broken off). */
    failures: count,
    /** Cut because draining took too long. */
    cut: count,
  }),
  /** Of the last failed probe or request; null where there was none, or a probe succeeded since. */
  lastError: z.string().nullable(),
})
export type BackendStatus = z.infer<typeof backendStatusSchema>

export const serviceStatusSchema = z.object({
  key: z.string(),
  /** Differs whenever anything but counters differs. Only good for being equal or not. */
  revision: z.number(),
  listen: z.object({
    host: z.string(),
    port: z.number().int(),
    /** null: it listens. Otherwise why it does not (yet), after a restart. */
    error: z.string().nullable(),
  }),
  /** Deleted: it accepts no connection and ends what is under way. */
  deleted: z.boolean(),
  /** Requests that wait for a backend. */
  waiting: count,
  totals: z.object({
    /** Requests ever received, tunnels included. */
    requests: count,
    /** Those the router itself had to answer with 502, 503 or 504, or break off because their backend did. */
    failures: count,
  }),
  backends: z.array(backendStatusSchema),
})
export type ServiceStatus = z.infer<typeof serviceStatusSchema>

export const routerHealthSchema = z.object({
  protocol: z.number().int(),
  version: z.string(),
  pid: z.number().int(),
  /** Start time of that pid, to tell it from a later process with the same. */
  startedAt: z.string().nullable(),
})
export type RouterHealth = z.infer<typeof routerHealthSchema>

export const servicesSchema = z.object({ services: z.array(serviceStatusSchema) })

export const routerErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
})
