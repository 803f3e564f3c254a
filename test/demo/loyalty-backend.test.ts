/** The story of brief 001: from the first release through one-off jobs to branches that were rebased. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DemoSummary } from '../../src/demo/index.ts'
import { kubernetesMissing } from '../parts/kubernetes/cluster.ts'
import { kubernetesToolsMissing } from '../parts/kubernetes/tools.ts'
import { postgresMissing } from '../parts/postgres.ts'
import { registryMissing } from '../parts/registry.ts'
import { removeRemote, runTrunkline } from './run-trunkline.ts'

const skip =
  kubernetesMissing(['kubelab', 'knative']) || kubernetesToolsMissing() || registryMissing() || postgresMissing()

test('the loyalty backend carries the bytes of staging to production, though its branches are rebased', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const { exitCode, stdout, stderr } = await runTrunkline(['demo', '--example', 'loyalty-backend', '--json'])
  const summary = JSON.parse(stdout) as DemoSummary
  t.after(() => removeRemote(summary))
  assert.deepEqual(
    summary.story.filter((chapter) => !chapter.ok).map((chapter) => `${chapter.name}: ${chapter.problem}`),
    [],
    stderr,
  )
  assert.equal(summary.story.length, 4)
  assert.equal(summary.builds, 6, 'four at first, two for a changed function and a migration; none for production')
  assert.equal(exitCode, 0)
})
