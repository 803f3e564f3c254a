/** The append-only history of environments, and the records of what was built: all state there is, in git refs. */
export * from './event-message.ts'
export * from './fold.ts'
export * from './lease.ts'
export * from './ledger.ts'
export * from './records.ts'
export * from './refs.ts'
export * from './trust/index.ts'
export * from './yank-list.ts'
