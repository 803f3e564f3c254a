/** Looks for drift in one namespace and says how long it took, from the start of the process, and its memory. */

import { sessionOpener } from '../../src/kubernetes-api/session.ts'
import { findDrift } from '../../src/targets/kubernetes/drift/find-drift.ts'

const [kubeconfig = '', namespace = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const session = await sessionOpener({ kubeconfig, context: null }, { root: '/', variables: {} })(signal)
const found = await findDrift(session, { project: 'bench', environment: 'stage', namespace }, null, signal)
await session.close()
if (found.length > 0) throw new Error(`${found.length} objects differ`)
console.log(JSON.stringify({ tookMs: performance.now(), peakMb: process.resourceUsage().maxRSS / 1024 }))
