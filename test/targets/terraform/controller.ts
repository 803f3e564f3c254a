/** A controller as a process of its own, for tests that kill it: plans a module, and applies what was planned. */
import assert from 'node:assert/strict'
import { openModule } from './module-under-test.ts'

export type Errand = { root: string; service: string; files: Record<string, string> }

const { root, service, files } = JSON.parse(process.argv[2] ?? '') as Errand // The test wrote it.
await using shop = await openModule({ lockTimeoutMs: 60_000 }, null, root)
assert.deepEqual(await shop.deploy(await shop.request(service, files)), { ok: true })
