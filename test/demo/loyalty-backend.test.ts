/** The story of the loyalty backend: from its first release through one-off jobs to branches that were rebased. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DemoSummary } from '../../src/demo/index.ts'
import { kubernetesMissing } from '../parts/kubernetes/cluster.ts'
import { kubernetesToolsMissing } from '../parts/kubernetes/tools.ts'
import { postgresMissing } from '../parts/postgres.ts'
import { registryMissing } from '../parts/registry.ts'

const trunkline = fileURLToPath(new URL('../../bin/trunkline', import.meta.url))
const skip =
  kubernetesMissing(['kubelab', 'knative']) || kubernetesToolsMissing() || registryMissing() || postgresMissing()

test('the loyalty backend carries the bytes of staging to production, though its branches are rebased', {
  skip,
  timeout: 600_000,
}, async () => {
  const words = ['demo', '--example', 'loyalty-backend', '--json']
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(trunkline, words, { timeout: 590_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    )
  })
  const summary = JSON.parse(stdout) as DemoSummary
  assert.deepEqual(
    summary.story.map(({ name, ok, problem }) => [name, ok, problem]),
    ['A push to releases/1.1.0-stag', 'Seeds and a one-off job', 'releases/1.1.0-prod', '1.1.1, rebased twice'].map(
      (name) => [name, true, null],
    ),
    stderr,
  )
  assert.equal(summary.builds, 6)
  assert.equal(code, 0)
})
