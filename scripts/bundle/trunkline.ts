#!/usr/bin/env node
/** Entry of the published command. The compile cache remembers compiled code between runs, where this Node has one. */
import * as module from 'node:module'
import { setFlagsFromString } from 'node:v8'
import './older-node.ts'

module.enableCompileCache?.()
// A command is short: room for young objects that grew to 2 x 16 MB would stay, most of it garbage.
setFlagsFromString('--semi-space-growth-factor=1')
await import('../../src/cli/main.ts')
