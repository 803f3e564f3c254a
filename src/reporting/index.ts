/** The reading side: what runs where, what happened, where a commit has got to, what differs, and why. */
export * from './diff.ts'
export type * from './documents.ts'
export * from './drift.ts'
export * from './history.ts'
export * from './status.ts'
export * from './verification.ts'
export * from './where.ts'
export * from './why.ts'
