/**
 * What the README of the example says that belongs to what. How it travels through the branches to a cluster is its story
 * (test/demo/branch-per-environment.test.ts).
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fittedToLab } from '../../src/demo/stories/branch-per-environment.ts'
import type { Plan } from '../../src/model/index.ts'
import { containerToolMissing, createContainerStorage } from '../parts/container-tools.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { openProject } from '../system/project-under-test.ts'
import { exampleFiles } from './example-files.ts'

const execute = promisify(execFile)
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(checkout, 'examples/branch-per-environment')
const all = ['discount', 'product', 'user']

test('its types hold', { timeout: 120_000 }, async () => {
  await execute(process.execPath, [join(checkout, 'node_modules/typescript/bin/tsc'), '--project', folder], {
    cwd: checkout,
  })
})

test('what belongs to what in a repository of three services', { skip: registryMissing() }, async (t) => {
  const registry = await startRegistry()
  const containers = createContainerStorage([registry.host])
  t.after(async () => {
    containers.stop()
    await registry.stop()
  })
  const files = Object.fromEntries(await exampleFiles(folder))
  const { 'trunkline.yaml': shipped = '' } = files
  await using project = await openProject({
    files: { ...files, 'trunkline.yaml': configurationFor(registry.host, shipped) },
    environment: {
      ...containers.environment,
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      KUBECONFIG: join(folder, 'no-cluster-is-here'),
    },
  })
  await project.clone.git('checkout', '--quiet', '-b', 'dev')
  await project.push('open the shop')

  await t.test('all three are built, each once, before the cluster is asked for', async () => {
    const ended = await project.trunkline(['deliver', '--ref', 'dev'])
    assert.equal(ended.exitCode, 4, ended.stderr)
    assert.match(ended.stderr, /there is no kubeconfig/)
  })

  const expectations: Array<{ file: string; builds?: string[]; checks?: string[]; isNews: boolean; what: string }> = [
    { what: 'documentation is nothing', file: 'README.md', isNews: false },
    { what: 'a common file touches all three', file: 'internal/log.ts', builds: all, checks: all, isNews: true },
    { what: 'the lockfile is common', file: 'package-lock.json', builds: all, checks: all, isNews: true },
    {
      ...{ what: 'what a service knows touches that one', file: 'discount/index.ts' },
      ...{ builds: ['discount'], checks: ['discount'], isNews: true },
    },
    {
      ...{ what: 'where it starts touches that one', file: 'cmd/user/main.ts' },
      ...{ builds: ['user'], checks: ['user'], isNews: true },
    },
    {
      ...{ what: 'a test rechecks and builds nothing', file: 'discount/discount.test.ts' },
      ...{ checks: ['discount'], isNews: true },
    },
    {
      ...{ what: 'the chart redeploys and builds nothing', file: 'manifest/chart/templates/service.yaml' },
      isNews: true,
    },
    { what: 'values redeploy and build nothing', file: 'cmd/user/manifest/values/staging.yaml', isNews: true },
  ]
  let usual: string | null = null
  for (const { what, file, builds = [], checks = [], isNews } of expectations) {
    await t.test(what, async () => {
      const comment = /\.ts$/.test(file) ? '// A change.\n' : /\.yaml$/.test(file) ? '# A change.\n' : '\n'
      await project.clone.commit(what, { [file]: `${files[file]}${comment}` })
      const plan = await project.json<Plan>(0, ['plan'])
      await project.clone.git('reset', '--quiet', '--hard', 'HEAD~1')
      assert.deepEqual(planned(plan), { builds, checks })
      usual ??= plan.release
      assert.equal(plan.release !== usual, isNews, 'another release')
    })
  }
})

/** Discount is built by its Dockerfile where there is a tool for it; no base can be had here. */
function configurationFor(registry: string, shipped: string): string {
  const fitted = fittedToLab(shipped, registry)
  if (containerToolMissing('podman') !== false) return fitted
  return fitted.replace(
    '{ base: scratch, from: ., entrypoint: [node, cmd/discount/main.ts] }',
    '{ dockerfile: cmd/discount/Dockerfile, context: ., args: { BASE: scratch } }',
  )
}

/** What the plan would build and check. */
function planned({ services, steps }: Plan): { builds: string[]; checks: string[] } {
  return {
    builds: services.flatMap(({ name, action }) => (action === 'build' ? [name] : [])).sort(),
    checks: steps.flatMap(({ kind, id }) => (kind === 'check' ? [id.replace(/^check:(\w+)\/.*$/, '$1')] : [])).sort(),
  }
}
