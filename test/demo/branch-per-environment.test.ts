/** The story of brief 000 on a real control plane, told as `trunkline demo` tells it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DemoSummary } from '../../src/demo/index.ts'
import { kubernetesMissing } from '../parts/kubernetes/cluster.ts'
import { kubernetesToolsMissing } from '../parts/kubernetes/tools.ts'
import { findProgram } from '../parts/local-server.ts'
import { registryMissing } from '../parts/registry.ts'
import { removeRemote, runTrunkline } from './run-trunkline.ts'

const skip = kubernetesMissing() || kubernetesToolsMissing() || registryMissing()

test('three services go through three branches to three environments, and nothing is built twice', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const { exitCode, stdout, stderr } = await runTrunkline(['demo', '--example', 'branch-per-environment', '--json'])
  const summary = JSON.parse(stdout) as DemoSummary
  t.after(() => removeRemote(summary))
  assert.deepEqual(
    summary.story.filter((chapter) => !chapter.ok).map((chapter) => `${chapter.name}: ${chapter.problem}`),
    [],
    stderr,
  )
  assert.equal(summary.story.length, 7)
  // Three at first, one for a file of its own, three for a common one; none for any merge, none for values.
  assert.equal(summary.builds, 7)
  assert.equal(summary.promotions, 4)
  assert.equal(exitCode, 0)
})

test('what a story needs and the machine lacks is named', { timeout: 120_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-bare-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { exitCode, stdout } = await runTrunkline(['demo', '--example', 'branch-per-environment', '--json'], {
    CI: undefined,
    XDG_CACHE_HOME: folder,
    PATH: await barePath(folder),
  })
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } }
  assert.equal(error.code, 'PART_MISSING')
  assert.match(error.message, /docker-registry is not installed \(apt-get install docker-registry\)/)
  assert.match(error.message, /helm and kubectl are not prepared \(npm run parts\)/)
  assert.equal(exitCode, 4)
})

/** A PATH on which there is what every demo needs, and no registry. */
async function barePath(folder: string): Promise<string> {
  for (const program of ['sh', 'sed', 'readlink', 'dirname', 'uname', 'git', 'npm']) {
    const found = findProgram(program, process.env)
    assert.ok(found, `${program} is on PATH`)
    await symlink(found, join(folder, program))
  }
  await symlink(process.execPath, join(folder, 'node'))
  return folder
}
