// Plain JavaScript on purpose: Node would load its TypeScript stripper for this one file. For all that is imported
// from here the compile cache remembers stripped and compiled code between runs, which costs more than most commands do.
import { enableCompileCache } from 'node:module'
import { setFlagsFromString } from 'node:v8'

enableCompileCache?.()
// A command is short: room for young objects that grew to 2 x 16 MB would stay, most of it garbage.
setFlagsFromString('--semi-space-growth-factor=1')
await import('../src/cli/main.ts')
