/** Child processes with bounds, and what the operating system knows about processes. */
export * from './file-lock.ts'
export * from './line-splitter.ts'
export * from './process-identity.ts'
export * from './processes-in-directory.ts'
export * from './run-process.ts'
