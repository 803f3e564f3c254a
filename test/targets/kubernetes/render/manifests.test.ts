/** Plain manifests: read as kubectl reads them, and refused with their place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TrunklineError } from '../../../../src/model/index.ts'
import { readManifests } from '../../../../src/targets/kubernetes/render/read-manifests.ts'
import { render } from '../../../../src/targets/kubernetes/render/render.ts'
import { at, containerRun, digest, imageOf, named, renderRequest } from './render-requests.ts'

const deployment = (name: string, image: string, more = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }${more}
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [{ name: main, image: "${image}" }] }
`
const manifests = (files: Record<string, string>, patterns: string[], change = {}) =>
  render(
    renderRequest({ files, run: containerRun({ description: { kind: 'manifests', files: patterns } }), ...change }),
  )

const refused =
  (code: string, message: RegExp, place?: { file: string; line: number }) =>
  (error: unknown): true => {
    assert.ok(error instanceof TrunklineError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    if (place !== undefined) assert.deepEqual({ file: error.location?.file, line: error.location?.line }, place)
    return true
  }

describe('manifests of a service', () => {
  test('are the files that its patterns match in this environment, documents and Lists taken apart', async () => {
    const { objects } = await manifests(
      {
        'deploy/web.yaml': `${deployment('web', 'web:latest')}---\n# nothing here\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\n`,
        'deploy/stage/list.json': JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web' } }],
        }),
        'deploy/stage/README.md': '# not a manifest',
        'deploy/prod/more.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: of-prod }\n',
      },
      ['deploy/*.yaml', 'deploy/{environment}'],
    )
    assert.deepEqual(
      objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ['Deployment/web', 'ConfigMap/settings', 'ServiceAccount/web'],
    )
    assert.equal(at(objects[0], 'spec', 'template', 'spec', 'containers', 0, 'image'), imageOf(digest))
    assert.equal(objects[0]?.metadata.namespace, undefined)
  })

  test('a pattern that matches nothing, a document that is no object, and one that stands twice are told with their place', async () => {
    await assert.rejects(
      manifests({ 'a.yaml': deployment('web', 'web') }, ['a.yaml', 'b/*.yaml']),
      refused('MANIFEST_MISSING', /described by b\/\*\.yaml/),
    )
    await assert.rejects(
      manifests({ 'a.yaml': `${deployment('web', 'web')}---\nhello: world\n` }, ['a.yaml']),
      refused('MANIFEST_INVALID', /a\.yaml:10: .*no apiVersion and kind/, { file: 'a.yaml', line: 10 }),
    )
    await assert.rejects(
      manifests({ 'a.yaml': 'apiVersion: v1\nkind: Job\nmetadata: { generateName: x- }\n' }, ['a.yaml']),
      refused('MANIFEST_INVALID', /a\.yaml:1: this Job has no metadata\.name/),
    )
    await assert.rejects(
      manifests({ 'a.yaml': deployment('web', 'web'), 'b.yaml': `\n\n${deployment('web', 'web')}` }, ['*.yaml']),
      refused('OBJECT_TWICE', /b\.yaml:3: Deployment web stands at a\.yaml:1 already/, { file: 'b.yaml', line: 3 }),
    )
    await assert.rejects(
      manifests({ 'a.yaml': 'kind: [' }, ['a.yaml']),
      refused('MANIFEST_INVALID', /a\.yaml:1: this is not valid YAML/, { file: 'a.yaml', line: 1 }),
    )
    await assert.rejects(
      manifests({ 'a.yaml': 'kind: {{ .Values.kind }}\n' }, ['a.yaml']),
      refused('MANIFEST_INVALID', /a template/),
    )
  })

  test('an item of a List is told by its own line', () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: one }
  - apiVersion: v1
    kind: ConfigMap
`
    assert.throws(() => readManifests(text, 'list.yaml'), refused('MANIFEST_INVALID', /list\.yaml:7: this ConfigMap/))
  })

  test('anchors and merges work; what would expand without end is refused at once', () => {
    const [read] = readManifests(
      `apiVersion: v1
kind: ConfigMap
metadata: &names { name: web }
data: { <<: *names, on: "yes" }
copy: *names
`,
      'a.yaml',
    )
    assert.deepEqual(read?.object['copy'], { name: 'web' })
    assert.deepEqual(read?.object['data'], { name: 'web', true: 'yes' })
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih']) {
      bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join()}]`)
    }
    const started = performance.now()
    assert.throws(() => readManifests(bomb.join('\n'), 'bomb.yaml'), refused('MANIFEST_INVALID', /expand too far/))
    assert.throws(() => readManifests('['.repeat(100_000), 'deep.yaml'), refused('MANIFEST_INVALID', /deeper/))
    assert.ok(performance.now() - started < 20_000)
  })

  test('scalars mean what they mean to kubectl', () => {
    const [read] = readManifests(
      `apiVersion: v1
kind: ConfigMap
metadata: { name: x }
data: { a: yes, b: 022, c: 22:22, d: 2020-01-01, e: 1_000, f: 1e3, g: 0x1f, h: ~, i: "no", j: !!binary aGk= }
`,
      'a.yaml',
    )
    // As `kubectl label --local -o json` prints them.
    assert.deepEqual(read?.object['data'], {
      ...{ a: true, b: 18, c: '22:22', d: '2020-01-01', e: 1000, f: 1000, g: 31, h: null, i: 'no', j: 'hi' },
    })
  })

  test('a Deployment without a strategy replaces pods without a gap; one with a strategy keeps it', async () => {
    const own = '\n  strategy: { type: Recreate }'
    const { objects } = await manifests(
      { 'a.yaml': `${deployment('web', 'web')}---\n${deployment('own', 'web', own)}` },
      ['a.yaml'],
      { strategy: 'one-at-a-time' },
    )
    assert.deepEqual(at(objects[0], 'spec', 'strategy'), {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    })
    assert.equal(at(objects[0], 'spec', 'replicas'), undefined)
    assert.deepEqual(at(objects[1], 'spec', 'strategy'), { type: 'Recreate' })
    assert.equal(named(objects, 'Deployment').metadata.name, 'web')
  })
})
