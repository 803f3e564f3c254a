// Plain JavaScript on purpose: Node would load its TypeScript stripper for this one file. For all that is imported
// from here the compile cache remembers stripped and compiled code between runs, which costs more than most commands do.
import { enableCompileCache } from 'node:module'

enableCompileCache?.()
await import('../src/cli/main.ts')
