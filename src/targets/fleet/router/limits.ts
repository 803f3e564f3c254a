/** Every bound of the router in one place. Times in ms. */

/** How long a request waits for a backend, and how many of one service may. */
export const maxWaitForBackendMs = 5000
export const maxWaitingRequests = 1000

/** Attempts of one request where connecting failed: nothing was sent, so trying again is always safe. */
export const maxConnectAttempts = 5
/** Attempts after a connection broke: few, so that a request that kills its backend does not kill them all. */
export const maxResets = 1

export const maxClientConnections = 10_000
/** Of one backend; further requests wait for one of these. */
export const maxBackendConnections = 2048

export const maxRequestHeaderBytes = 32 * 1024
export const maxResponseHeaderBytes = 64 * 1024
export const requestHeadersTimeoutMs = 30_000
/** How often it is looked for clients beyond it; Node's default would double it. */
export const connectionsCheckMs = 5000

/** Idle client connections. Longer than the 60 s of common load balancers, so that they close first. */
export const clientKeepAliveMs = 75_000
/** A client that neither sends the body it owes nor reads the answer it asked for. Quiet streams are left alone. */
export const clientStallMs = 120_000
/** How long the rest of a body that nobody wants is read before the connection is closed. */
export const maxDiscardMs = 10_000

export const backendConnectTimeoutMs = 5000
/** From the end of the request to the first byte of the answer. */
export const backendHeadersTimeoutMs = 600_000
/** Idle connections to backends that do not say how long they keep them: short, so that the backend rarely closes first. */
export const backendKeepAliveMs = 1000
/** To those that say: this much before they would close. */
export const backendKeepAliveMarginMs = 1000
export const backendKeepAliveMaxMs = 60_000

export const upgradeTimeoutMs = 30_000
/** A tunnel of which one side has ended, and nothing moves on the other. */
export const halfOpenTimeoutMs = 30_000
/** TCP keep-alive: finds peers that vanished without a word. */
export const tcpKeepAliveMs = 60_000

/** Probes of a backend that is starting, and of one that is unhealthy (unless its interval is shorter). */
export const startingProbeIntervalMs = 100
export const unhealthyProbeIntervalMs = 500
/** A refused connection is a fact; a late or wrong answer must repeat before a healthy backend counts as unhealthy. */
export const maxProbeFailures = 3

/** How long a router that has handed over goes on with what it has: WebSockets and streams, above all. */
export const maxRetirementMs = 3_600_000

export const maxControlBodyBytes = 1024 * 1024
export const maxControlConnections = 200
