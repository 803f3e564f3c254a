/** The command line over a registry that lets no tag be moved, as ECR does where a repository says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { startInProcessRegistry } from '../artifacts/in-process-registry.ts'
import { openProject } from './project-under-test.ts'

const configuration = (registry: string) => `project: shop
artifacts: oci+http://${registry}/shop
services:
  web:
    path: web
    artifact: { bundle: { from: web } }
    run: { command: node main.js, port: PORT }
environments:
  stage: { on: { branch: main }, target: { fleet: { hosts: [local] } } }
  prod: { on: { tag: "v*" }, target: { fleet: { hosts: [local] } }, onFailure: [rollback, yank] }
`

const answering = (word: string) =>
  `require('node:http').createServer((_, response) => response.end('${word}')).listen(process.env.PORT)\n`

test('a version that was delivered keeps its name: the same bytes once more are fine, others are refused and roll nothing', async (t) => {
  const tagged = new Map<string, string>()
  const registry = await startInProcessRegistry(t, {
    intercept({ method, url }, response) {
      const tag = /manifests\/((?!sha256[:-])[^/]+)$/.exec(url)?.[1]
      if (method !== 'PUT' || tag === undefined) return false
      if (!tagged.has(tag)) {
        tagged.set(tag, url)
        return false
      }
      const message = `The image tag '${tag}' already exists in the 'shop' repository and cannot be overwritten because the repository is immutable.`
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ errors: [{ code: 'TAG_INVALID', message }] }))
      return true
    },
  })
  await using project = await openProject({
    files: { 'trunkline.yaml': configuration(registry.host), 'web/main.js': answering('one') },
  })
  await project.clone.git('tag', 'v1')
  await project.clone.git('push', 'origin', 'v1')
  const first = await project.json(0, ['deliver', '--ref', 'refs/tags/v1'])
  assert.equal(first.outcome, 'succeeded')
  assert.equal((await project.json(0, ['deliver', '--ref', 'refs/tags/v1'])).outcome, 'nothing')
  assert.ok(tagged.has('web-v1'), [...tagged.keys()].join())

  await project.push('two', { 'web/main.js': answering('two') })
  await project.clone.git('tag', '--force', 'v1')
  await project.clone.git('push', '--force', 'origin', 'v1')
  const moved = await project.trunkline(['deliver', '--ref', 'refs/tags/v1'])
  assert.equal(moved.exitCode, 3, moved.stdout + moved.stderr)
  assert.match(moved.stderr, /lets no tag be moved: it refused to store the manifest of the tag web-v1/)
  assert.match(moved.stderr, /another artifact has that name already; take a new tag/)
  assert.doesNotMatch(moved.stderr, /roll web/, 'nothing is rolled out')
  const { environments } = await project.json<StatusDocument>(0, ['status'])
  const prod = environments.find(({ name }) => name === 'prod')
  assert.deepEqual([prod?.commit, prod?.health, prod?.yanked], [first.commit, 'healthy', false])
})
