/** Variables as ConfigMaps and Secrets whose names say what is in them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { EnvironmentVariable, VariableDelivery } from '../../../../src/model/index.ts'
import { deliverVariables } from '../../../../src/targets/kubernetes/render/deliver-variables.ts'
import { variableObjects, variablesOf } from '../../../../src/targets/kubernetes/render/variables.ts'
import { bystander, podObject } from './generated-pods.ts'
import { digest, imageOf, named, renderRequest } from './render-requests.ts'

const secret: EnvironmentVariable = { kind: 'from', from: 'TOKEN', secret: true, default: null }
const env: Record<string, EnvironmentVariable> = {
  COLOR: { kind: 'value', value: 'red' },
  TOKEN: secret,
  SIZE: { kind: 'from', from: 'SIZE', secret: false, default: 'large' },
  CARTS: { kind: 'service', service: 'carts' },
}
const request = (variables: Record<string, string> = { TOKEN: 'correct-horse' }) => renderRequest({ env, variables })

describe('variables of a service', () => {
  test('are plain or secret as declared; other services have an address in the namespace', () => {
    assert.deepEqual(variablesOf(request()), {
      plain: { CARTS: 'http://carts.shop-stage.svc:80', COLOR: 'red', SIZE: 'large' },
      secret: { TOKEN: 'correct-horse' },
    })
    const { configMap, secret: made } = variableObjects(request())
    assert.match(configMap.metadata.name, /^web-env-[0-9a-f]{10}$/)
    assert.match(made.metadata.name, /^web-secret-[0-9a-f]{10}$/)
    assert.equal(configMap['immutable'], true)
    assert.deepEqual(made['data'], { TOKEN: Buffer.from('correct-horse').toString('base64') })
  })

  test('a name changes with the content and with nothing else; that of a Secret needs the key', () => {
    const one = variableObjects(request())
    assert.deepEqual(variableObjects(request()), one)
    const changed = variableObjects(request({ TOKEN: 'battery' }))
    assert.equal(changed.configMap.metadata.name, one.configMap.metadata.name)
    assert.notEqual(changed.secret.metadata.name, one.secret.metadata.name)
    const otherKey = variableObjects({ ...request(), fingerprintKey: Buffer.from('another') })
    assert.equal(otherKey.configMap.metadata.name, one.configMap.metadata.name)
    assert.notEqual(otherKey.secret.metadata.name, one.secret.metadata.name)
  })

  test('injected, they come before what containers of the own image take themselves, and nobody else gets them', () => {
    const own = imageOf(digest)
    fc.assert(
      fc.property(fc.array(podObject, { maxLength: 3 }), fc.array(bystander), fc.boolean(), (pods, others, isOwn) => {
        const withOwn = pods.map(({ spec, wrap }) => wrap(isOwn ? ownImage(spec, own) : spec))
        const delivered = deliverVariables([...withOwn, ...others], { kind: 'inject' }, request())
        const [configMap, made, ...rest] = delivered
        const sources = [
          { configMapRef: { name: configMap?.metadata.name } },
          { secretRef: { name: made?.metadata.name } },
        ]
        const wanted = pods.map(({ spec, wrap }) => wrap(isOwn ? injected(ownImage(spec, own), own, sources) : spec))
        assert.deepEqual(rest, [...wanted, ...others])
      }),
    )
  })

  test('by name, every reference of a pod spec follows, and the same name elsewhere stays', () => {
    const delivery: VariableDelivery = { kind: 'named', configMap: 'web-env', secret: 'web-secret' }
    fc.assert(
      fc.property(fc.array(podObject, { minLength: 1, maxLength: 3 }), bystander, (pods, other) => {
        const objects = [...pods.map(({ object }) => object), other]
        const made = variableObjects(request())
        const count = { configMap: 0, secret: 0 }
        const follow = (of: 'configMap' | 'secret', from: string) => (name: unknown) => {
          if (name !== from) return name
          count[of] += 1
          return made[of].metadata.name
        }
        const names = { configMap: follow('configMap', 'web-env'), secret: follow('secret', 'web-secret') }
        const wanted = pods.map(({ spec, wrap }) => wrap(renamed(spec, names)))
        const deliver = () => deliverVariables(objects, delivery, request())
        if (count.configMap === 0) return void assert.throws(deliver, /refers to no ConfigMap web-env/)
        if (count.secret === 0) return void assert.throws(deliver, /refers to no Secret web-secret/)
        assert.deepEqual(deliver(), [made.configMap, made.secret, ...wanted, other])
      }),
      { numRuns: 300 },
    )
  })

  test('without any nothing is made, unless the description wants it', () => {
    const none = renderRequest()
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'main', image: imageOf(digest), envFrom: [{ secretRef: { name: 'mine' } }] }] },
    }
    assert.deepEqual(deliverVariables([pod], { kind: 'inject' }, none), [pod])
    const delivered = deliverVariables([pod], { kind: 'named', configMap: 'x', secret: 'mine' }, none)
    assert.equal(delivered.length, 2)
    assert.match(named(delivered, 'Secret').metadata.name, /^web-secret-/)
    assert.deepEqual(deliverVariables([pod], { kind: 'none' }, request()), [pod])
  })
})

type Fields = Record<string, unknown>
const lists = ['containers', 'initContainers', 'ephemeralContainers']

const mapped = (value: unknown, edit: (item: Fields) => Fields): unknown =>
  Array.isArray(value) ? value.map((item) => edit(item as Fields)) : value // Of a generated pod.

function containersMapped(spec: Fields, edit: (container: Fields) => Fields): Fields {
  const edited = { ...spec }
  for (const list of lists) if (list in spec) edited[list] = mapped(spec[list], edit)
  return edited
}

const ownImage = (spec: Fields, image: string): Fields =>
  containersMapped(spec, (container) => (container['image'] === 'web' ? { ...container, image } : container))

const injected = (spec: Fields, image: string, sources: Fields[]): Fields =>
  containersMapped(spec, (container) =>
    container['image'] === image
      ? { ...container, envFrom: [...sources, ...((container['envFrom'] as Fields[] | undefined) ?? [])] } // As generated.
      : container,
  )

type Names = { configMap(name: unknown): unknown; secret(name: unknown): unknown }

/** Written out by the fields of the API, as its reference lists them. */
function renamed(spec: Fields, names: Names): Fields {
  const at = (fields: Fields, key: string, of: keyof Names, name = 'name'): Fields =>
    key in fields ? { ...fields, [key]: { [name]: names[of]((fields[key] as Fields)[name]) } } : fields // As generated.
  const source = (fields: Fields) => at(at(fields, 'configMapRef', 'configMap'), 'secretRef', 'secret')
  const value = (fields: Fields): Fields =>
    'valueFrom' in fields
      ? {
          ...fields,
          valueFrom: at(at(fields['valueFrom'] as Fields, 'configMapKeyRef', 'configMap'), 'secretKeyRef', 'secret'),
        }
      : fields
  const volume = (fields: Fields): Fields => {
    const edited = at(at(fields, 'configMap', 'configMap'), 'secret', 'secret', 'secretName')
    const projected = edited['projected'] as Fields | undefined
    if (projected === undefined || !('sources' in projected)) return edited
    const each = (item: Fields) => at(at(item, 'configMap', 'configMap'), 'secret', 'secret')
    return { ...edited, projected: { ...projected, sources: mapped(projected['sources'], each) } }
  }
  const edited = containersMapped(spec, (container) => ({
    ...container,
    ...('env' in container ? { env: mapped(container['env'], value) } : {}),
    ...('envFrom' in container ? { envFrom: mapped(container['envFrom'], source) } : {}),
  }))
  return 'volumes' in edited ? { ...edited, volumes: mapped(edited['volumes'], volume) } : edited
}
