/** A controller as a process of its own, for tests that kill it: plans a stack, and carries out what was planned. */
import assert from 'node:assert/strict'
import type { AwsAccess } from '../../../src/model/index.ts'
import { stacksUnderTest } from './stacks-under-test.ts'

export type Errand = { service: string; files: Record<string, string>; access: AwsAccess }

const { service, files, access } = JSON.parse(process.argv[2] ?? '') as Errand // The test wrote it.
const environment = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
)
const under = stacksUnderTest({ access, environment })
assert.deepEqual(await under.deploy(await under.request(service, files)), { ok: true })
