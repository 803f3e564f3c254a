/** The router's own HTTP/1.1 client for backends: why it is not a library's is told in docs/decisions/0014. */
export type { Attempt, AttemptFault, BodySink, OutgoingBody, UpstreamExchange } from './connection.ts'
export { BackendConnections } from './connections.ts'
