/** The router of a host as its agent sees it: a process of its own (`main.ts`), told what to serve over a unix socket. */
export * from './client.ts'
export * from './holder-client.ts'
export * from './holder-protocol.ts'
export { retiredRouters } from './predecessors.ts'
export * from './protocol.ts'
