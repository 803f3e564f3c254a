/** Values and renderings, without a cluster. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import type { HelmDescription } from '../../../../src/model/index.ts'
import { editRendered } from '../../../../src/targets/kubernetes/helm/edit-rendered.ts'
import { valuesOf } from '../../../../src/targets/kubernetes/helm/values.ts'
import { at, containerRun, digest, imageOf, renderRequest } from '../render/render-requests.ts'

const description: HelmDescription = {
  kind: 'helm',
  chart: 'deploy/chart',
  release: '{service}',
  values: [],
  set: {},
  image: { kind: 'reference', path: 'image' },
}
const short = digest.slice(7, 19)

describe('values for a chart', () => {
  const given = { reference: imageOf(digest), digest, set: {}, variables: null }

  test('say the image as the chart takes it, and it ends in the digest every time', () => {
    assert.deepEqual(valuesOf({ ...given, image: { kind: 'reference', path: 'a.image' } }), {
      a: { image: `registry.test/shop@${digest}` },
    })
    assert.deepEqual(
      valuesOf({ ...given, image: { kind: 'digest', repository: 'i.repository', digest: 'i.digest' } }),
      {
        i: { repository: 'registry.test/shop', digest },
      },
    )
    assert.deepEqual(valuesOf({ ...given, image: { kind: 'tag', repository: 'i.repository', tag: 'i.tag' } }), {
      i: { repository: 'registry.test/shop', tag: `${short}@${digest}` },
    })
  })

  test('are data: what looks like syntax, a dot in a key, a name of JavaScript itself stay what they are', () => {
    const set = { 'a.text': 'x,y={}: !! "', 'a.nodes\\.io/disk': 'ssd', 'b.__proto__.c': [1, { d: null }], a2: true }
    const values = valuesOf({ ...given, set, image: { kind: 'reference', path: 'image' } })
    assert.equal(
      JSON.stringify(values),
      JSON.stringify({
        a: { text: 'x,y={}: !! "', 'nodes.io/disk': 'ssd' },
        ...JSON.parse('{"b":{"__proto__":{"c":[1,{"d":null}]}},"a2":true}'),
        image: imageOf(digest),
      }),
    )
    assert.equal(Object.getPrototypeOf(values), Object.prototype)
  })

  test('what is delivered wins over what is set at the same place', () => {
    const values = valuesOf({
      ...given,
      set: { image: 'mine', trunkline: { configMap: 'mine' } },
      image: { kind: 'reference', path: 'image' },
      variables: { configMap: 'web-env-1', secret: null },
    })
    assert.equal(values['image'], imageOf(digest))
  })
})

describe('what a chart renders to', () => {
  const request = (variables: 'inject' | 'none' = 'inject') =>
    renderRequest({
      run: containerRun({ description, variables: { kind: variables } }),
      env: { COLOR: { kind: 'value', value: 'red' } },
    })
  const pod = (image: string) => `apiVersion: v1
kind: Pod
metadata: { name: x, annotations: { at: "2020-01-01", on: "yes" } }
spec: { containers: [{ name: main, image: "${image}" }] }
`

  test('stays as it is, letter by letter, but for documents that change', () => {
    const settings =
      '---\n# Source: web/settings.yaml\napiVersion: v1\nkind:   ConfigMap # so\ndata: {a: "---", b: |\n   ---\n  }\n'
    const text = `${settings}---\n# Source: web/pod.yaml\n${pod(imageOf(digest))}`
    assert.equal(editRendered(text, request('none'), description), text)
    const edited = editRendered(text, request(), description)
    assert.ok(edited.startsWith(`${settings}---\n# Source: web/pod.yaml\n`), edited)
    const [, changed] = parseAllDocuments(edited, { version: '1.1' }).map((document) => document.toJS())
    assert.deepEqual(at(changed, 'metadata', 'annotations'), { at: '2020-01-01', true: 'yes' })
    assert.equal(at(changed, 'spec', 'containers', 0, 'image'), imageOf(digest))
    assert.match(String(at(changed, 'spec', 'containers', 0, 'envFrom', 0, 'configMapRef', 'name')), /^web-env-/)
  })

  test('without the image anywhere is told, with the paths and the images that are there', () => {
    assert.throws(
      () => editRendered(pod('shop:1'), request(), description),
      /the chart of web makes nothing of the image that it is given as image: its images are shop:1/,
    )
  })
})
