/** Where an environment's variables and secrets come from, and which of them a service receives. */
export * from './dotenv.ts'
export * from './resolve-variables.ts'
export * from './variable-source.ts'
