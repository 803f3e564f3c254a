/** The command line over a registry and a manifest repository: an image is built once and promoted by commits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusDocument } from '../../../src/reporting/index.ts'
import { registryMissing, startRegistry } from '../../parts/registry.ts'
import { openProject } from '../../system/project-under-test.ts'
import { createManifests } from './manifest-repository.ts'

const configuration = (registry: string, repository: string) => {
  const gitops = (edits: string) => `{ gitops: { repository: "${repository}", edits: [${edits}] } }`
  return `project: shop
artifacts: oci+http://${registry}/shop
services:
  carts:
    path: carts
    artifact: { image: { base: scratch, entrypoint: [/main], to: /, include: [main] } }
    run: { container: { port: 8080 } }
environments:
  stage:
    on: { branch: main }
    target: ${gitops('{ kustomize: "{service}/{environment}/kustomization.yaml" }')}
  prod:
    on: { tag: "v*", reachableFrom: main }
    after: stage
    target: ${gitops('{ helm: "values-{environment}.yaml", path: "services.{service}.image" }')}
`
}

test('a push deploys to stage and a tag to prod, each by one commit with the same bytes; and back', {
  skip: registryMissing(),
}, async (t) => {
  const registry = await startRegistry()
  t.after(() => registry.stop())
  await using manifests = await createManifests({
    'carts/stage/kustomization.yaml': 'kind: Kustomization\nresources: [../base]   # shared\n',
    'values-prod.yaml': 'services:\n  carts:\n    image: old.example/carts:v0 # not by hand any more\n',
  })
  await using project = await openProject({
    files: { 'trunkline.yaml': configuration(registry.host, manifests.remote.directory), 'carts/main': 'one' },
  })
  const digestIn = async (path: string) => /sha256:[0-9a-f]{64}/.exec(await manifests.file(path))?.[0]

  const first = await project.json(0, ['deliver', '--ref', 'main'])
  assert.equal(first.outcome, 'succeeded')
  const stage = await manifests.file('carts/stage/kustomization.yaml')
  const digest = await digestIn('carts/stage/kustomization.yaml')
  assert.equal(
    stage,
    `kind: Kustomization\nresources: [../base]   # shared\nimages:\n- name: carts\n  newName: "${registry.host}/shop"\n  digest: ${digest}`,
  )
  await project.clone.tag('v1.0.0')
  await project.clone.push('origin', 'v1.0.0')
  assert.equal((await project.json(0, ['deliver', '--ref', 'v1.0.0'])).outcome, 'succeeded')
  assert.equal(
    await manifests.file('values-prod.yaml'),
    `services:\n  carts:\n    image: old.example/carts@${digest} # not by hand any more`,
  )
  const status = await project.json<StatusDocument>(0, ['status'])
  assert.deepEqual(
    status.environments.map(({ name, services }) => [name, services.map((service) => service.artifact)]),
    [
      ['stage', [digest]],
      ['prod', [digest]],
    ],
  )
  assert.deepEqual(await manifests.log('%s'), [
    'Deploy shop v1.0.0 to prod: carts',
    `Deploy shop ${(await project.clone.head()).slice(0, 7)} to stage: carts`,
    'first',
  ])

  await project.push('two', { 'carts/main': 'two' })
  await project.json(0, ['deliver', '--ref', 'main'])
  assert.notEqual(await digestIn('carts/stage/kustomization.yaml'), digest)
  await project.json(0, ['rollback', 'stage'])
  assert.equal(await manifests.file('carts/stage/kustomization.yaml'), stage, 'a way back is a commit of its own')
  assert.equal((await manifests.log('%s')).length, 5)

  // What is not understood stops the delivery with its place, and touches nothing.
  await manifests.push('template', { 'carts/stage/kustomization.yaml': 'images: {{ .Values.images }}\n' })
  await project.json(0, ['resume', 'stage'])
  await project.push('three', { 'carts/main': 'three' })
  const refused = await project.trunkline(['deliver', '--ref', 'main'])
  assert.notEqual(refused.exitCode, 0)
  assert.match(refused.stdout + refused.stderr, /carts\/stage\/kustomization\.yaml:1:9: this is a template/)
  assert.equal((await manifests.log('%s'))[0], 'template')
})
