/** Kustomizations, by the real `kubectl kustomize`. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { VariableDelivery } from '../../../../src/model/index.ts'
import { TrunklineError } from '../../../../src/model/index.ts'
import { render } from '../../../../src/targets/kubernetes/render/render.ts'
import { kubectl, kubernetesToolsMissing } from '../../../parts/kubernetes/tools.ts'
import { at, containerRun, digest, imageOf, named, renderRequest } from './render-requests.ts'

const base = {
  'deploy/base/kustomization.yaml': 'resources: [web.yaml]\n',
  'deploy/base/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: main, image: web, envFrom: [{ configMapRef: { name: web-env } }] }] }
`,
}
const stage = {
  'deploy/stage/kustomization.yaml': `resources: [../base]
namePrefix: stage-
replicas: [{ name: web, count: 3 }]
configMapGenerator: [{ name: settings, literals: [COLOR=red] }]
`,
}

describe('a kustomization', { skip: kubernetesToolsMissing(), timeout: 300_000 }, () => {
  let temporary: string
  before(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'kustomize-test-'))
    process.env['TMPDIR'] = temporary
  })
  after(() => rm(temporary, { recursive: true, force: true }))

  const environmentVariables = {
    ...process.env,
    PATH: [dirname(kubectl()), process.env['PATH']].join(delimiter),
  }
  const rendered = (
    files: Record<string, string>,
    { path = 'deploy/{environment}', variables = { kind: 'inject' } as VariableDelivery } = {},
  ) =>
    render(
      renderRequest({
        files,
        run: containerRun({ description: { kind: 'kustomize', path }, variables }),
        env: { COLOR: { kind: 'value', value: 'red' } },
        environmentVariables,
      }),
    )
  const fault = async (files: Record<string, string>): Promise<TrunklineError> => {
    try {
      await rendered(files)
    } catch (error) {
      if (error instanceof TrunklineError) return error
      throw error
    }
    return assert.fail('it was rendered')
  }

  test('is rendered with its base, with the image by digest and the variables by the names it uses', async () => {
    const variables: VariableDelivery = { kind: 'named', configMap: 'web-env', secret: 'web-secret' }
    const { objects } = await rendered({ ...base, ...stage }, { variables })
    const deployment = named(objects, 'Deployment')
    assert.equal(deployment.metadata.name, 'stage-web')
    assert.equal(at(deployment, 'spec', 'replicas'), 3)
    const container = at(deployment, 'spec', 'template', 'spec', 'containers', 0)
    assert.equal(at(container, 'image'), imageOf(digest))
    const names = objects.flatMap(({ kind, metadata }) => (kind === 'ConfigMap' ? [metadata.name] : []))
    const own = names.find((name) => name.startsWith('web-env-'))
    assert.deepEqual(at(container, 'envFrom'), [{ configMapRef: { name: own } }])
    assert.ok(names.some((name) => name.startsWith('stage-settings-')))
    assert.deepEqual(readdirSync(temporary), [], 'nothing is left')
  })

  test('a base that is no deploy input is named, and where to add it', async () => {
    for (const needed of ['deploy/base', 'deploy/stage/more.yaml']) {
      const overlay = { 'deploy/stage/kustomization.yaml': `resources: [../../${needed}]\n` }
      const { code, message, hint } = await fault(overlay)
      assert.equal(code, 'DEPLOY_INPUT_MISSING')
      assert.match(message, new RegExp(`deploy/stage needs ${needed}, which is no deploy input of web`))
      assert.match(hint ?? '', /deployInputs/)
    }
    const nothing = await fault({ 'deploy/base/kustomization.yaml': 'resources: []\n' })
    assert.match(nothing.message, /needs deploy\/stage, which is no deploy input/)
  })

  test('nothing is fetched from elsewhere, and a mistake is told without paths of this machine', async () => {
    for (const url of [
      'https://example.com/web.yaml',
      'https://github.com/acme/web//deploy?ref=v1',
      'git@github.com:acme/web',
    ]) {
      const { code, message } = await fault({ 'deploy/stage/kustomization.yaml': `resources: ["${url}"]\n` })
      assert.equal(code, 'REMOTE_RESOURCE', message)
      assert.equal(message, `deploy/stage fetches ${url}, and nothing is fetched while delivering`)
    }
    const { code, message } = await fault({ 'deploy/stage/kustomization.yaml': 'resource: [a]\n' })
    assert.equal(code, 'KUSTOMIZE_FAILED')
    assert.match(message, /unknown field "resource"/)
    assert.ok(!message.includes(temporary), message)
  })

  test('a machine without kubectl and kustomize says so', async () => {
    const request = renderRequest({
      files: { ...base, ...stage },
      run: containerRun({ description: { kind: 'kustomize', path: 'deploy/stage' } }),
      environmentVariables: { PATH: temporary },
    })
    await assert.rejects(render(request), /neither it nor kustomize is installed/)
  })
})
