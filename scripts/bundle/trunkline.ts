#!/usr/bin/env node
/** Entry of the published command. The compile cache remembers compiled code between runs, where this Node has one. */
import * as module from 'node:module'
import './older-node.ts'

module.enableCompileCache?.()
await import('../../src/cli/main.ts')
