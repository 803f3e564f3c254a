/** The story of brief 003 over the emulator of AWS, told as `trunkline demo` tells it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DemoSummary } from '../../src/demo/index.ts'
import { awsMissing } from '../parts/aws/aws.ts'
import { removeRemote, runTrunkline } from './run-trunkline.ts'

test('infrastructure and application go from a rehearsal to staging and, once approved, to production; what fails goes back', {
  skip: awsMissing(),
  timeout: 1_200_000,
}, async (t) => {
  const { exitCode, stdout, stderr } = await runTrunkline(['demo', '--example', 'ec2-fleet', '--json'])
  const summary = JSON.parse(stdout) as DemoSummary
  t.after(() => removeRemote(summary))
  assert.ok(Array.isArray(summary.story), stdout + stderr)
  assert.deepEqual(
    summary.story.filter((chapter) => !chapter.ok).map((chapter) => `${chapter.name}: ${chapter.problem}`),
    [],
    stderr,
  )
  assert.equal(summary.story.length, 8)
  // The application and five stacks; then an alarm, a database that is never made, a broken script, and a greeting.
  assert.equal(summary.builds, 10)
  assert.equal(summary.promotions, 5)
  const facts = summary.story.flatMap((chapter) => chapter.facts).join('\n')
  assert.match(facts, /network, data, edge, fleet, watch: CREATE_COMPLETE, then web/)
  assert.match(facts, /replaces AWS::RDS::DBInstance PostgreSql, which holds data/)
  assert.match(facts, /AfterInstall failed: deploy\/install\.sh/)
  assert.equal(exitCode, 0)
})
