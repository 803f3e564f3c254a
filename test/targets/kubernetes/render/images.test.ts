/** Images by digest, in containers alone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { TrunklineError } from '../../../../src/model/index.ts'
import { imagesOf, putImages, repositoryOf } from '../../../../src/targets/kubernetes/render/images.ts'
import { bystander, podObject } from './generated-pods.ts'
import { digest, imageOf, otherDigest } from './render-requests.ts'

type Fields = Record<string, unknown>

const containerFields = ['containers', 'initContainers', 'ephemeralContainers']

/** As a reader would do it: by the lists of one pod spec. */
function expected(spec: Fields, meant: (image: string) => string): Fields {
  const edited = { ...spec }
  for (const field of containerFields) {
    const list = spec[field]
    if (!Array.isArray(list)) continue
    edited[field] = list.map((container: Fields) => ({ ...container, image: meant(String(container['image'])) }))
  }
  return edited
}

describe('images of a description', () => {
  test('those that a name means get their digest, whatever tag they had, and nothing else changes', () => {
    const meant = (image: string): string => {
      const bare = image.replace(/@.*/, '').replace(/:(?:1|latest)$/, '')
      if (bare === 'nginx' || bare === 'docker.io/library/nginx') return imageOf(otherDigest)
      return bare === 'localhost:5000/web' ? imageOf(digest) : image
    }
    const images = { 'localhost:5000/web': imageOf(digest), nginx: imageOf(otherDigest) }
    fc.assert(
      fc.property(fc.array(podObject, { minLength: 1, maxLength: 4 }), fc.array(bystander), (pods, bystanders) => {
        const objects = [...pods.map(({ object }) => object), ...bystanders]
        const before = structuredClone(objects)
        const wanted = pods.map(({ spec, wrap }) => wrap(expected(spec, meant)))
        const isMeant = imagesOf(objects).some((image) => meant(image) !== image)
        const put = () => putImages('web', objects, images)
        if (!isMeant) assert.throws(put, /uses no image named/)
        else assert.deepEqual(put(), [...wanted, ...bystanders])
        assert.deepEqual(objects, before, 'what was read stays as it was')
      }),
    )
  })

  test('putting them in twice is as once, and what has nothing to change is the very same object', () => {
    fc.assert(
      fc.property(fc.array(podObject, { minLength: 1, maxLength: 3 }), bystander, (pods, other) => {
        const images = { web: imageOf(digest) }
        const objects = [...pods.map(({ object }) => object), other]
        fc.pre(imagesOf(objects).some((image) => /^web(?:[:@]|$)/.test(image)))
        const once = putImages('web', objects, images)
        const again = putImages('web', once, { ...images, 'registry.test/shop': imageOf(digest) })
        assert.deepEqual(again, once)
        assert.equal(again.at(-1), other)
      }),
    )
  })

  test('names are the same with and without the host and the folder that Docker adds', () => {
    for (const image of ['nginx', 'nginx:1.27', 'library/nginx', 'docker.io/nginx', 'index.docker.io/library/nginx:1'])
      assert.equal(repositoryOf(image), 'docker.io/library/nginx', image)
    assert.equal(repositoryOf('acme/web:1'), 'docker.io/acme/web')
    assert.equal(repositoryOf(`localhost:5000/web:1@${digest}`), 'localhost:5000/web')
    assert.equal(repositoryOf('localhost:5000/web'), 'localhost:5000/web')
    assert.equal(repositoryOf('localhost/web'), 'localhost/web')
    assert.equal(repositoryOf('ghcr.io/acme/web:v1.2'), 'ghcr.io/acme/web')
    assert.equal(repositoryOf(undefined), null)
  })

  test('a description that uses none of the names is told which images it has', () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { containers: [{ image: 'shop:1' }] } }
    assert.throws(
      () => putImages('web', [pod], { web: imageOf(digest) }),
      (error) =>
        error instanceof TrunklineError &&
        error.kind === 'failed' &&
        error.code === 'IMAGE_NOT_DESCRIBED' &&
        error.message === 'what describes web uses no image named web: its images are shop:1',
    )
    assert.throws(() => putImages('web', [], { web: imageOf(digest) }), /it has no containers/)
    assert.deepEqual(putImages('web', [pod], {}), [pod])
  })
})
