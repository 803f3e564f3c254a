/** Images into a manifest repository: one commit, pushed once, whoever else pushes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Digest, GitOpsConfig } from '../../../src/model/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import {
  commitImages,
  type ManifestBranch,
  prepareImages,
  type ServiceImage,
} from '../../../src/targets/gitops/repository/commit-images.ts'
import { putBack } from '../../../src/targets/gitops/repository/put-back.ts'
import { placesOf } from '../../../src/targets/gitops/repository/service-places.ts'
import { noteOf, trailersOf } from '../../../src/targets/gitops/repository/trailers.ts'
import { startGitHttpServer } from '../../parts/git-http-server.ts'
import { createManifests, digestOf, type ManifestsUnderTest, reasonOf } from './manifest-repository.ts'

const signal = new AbortController().signal

const config: GitOpsConfig = {
  repository: 'unused',
  branch: 'main',
  pullRequest: null,
  edits: [{ kind: 'kustomize', file: 'apps/{service}/{environment}/kustomization.yaml', image: '{service}' }],
  services: {
    web: [
      { kind: 'helm', file: 'envs/{environment}/values.yaml', path: 'services.{service}.image' },
      { kind: 'manifests', files: 'plain/**/*.yaml', image: 'r.example/shop/{service}' },
    ],
  },
  follow: null,
  pullFrom: null,
}

const places = (service: string) => placesOf(service, { config, project: 'shop', environment: 'stage' })
const wanted = (digest: Digest) => ({ digest, repository: null, origin: null })
const image = (service: string, digest: Digest): ServiceImage => ({
  service,
  image: wanted(digest),
  places: places(service),
})
const known = { placesOf: places, imageOf: (_: string, digest: Digest) => wanted(digest) }

const files = {
  'apps/carts/stage/kustomization.yaml': '# carts\nimages:\n- name: carts\n  newTag: v1 # by hand\n',
  'apps/users/stage/kustomization.yaml': 'resources: [../base]\n',
  'envs/stage/values.yaml': 'services:\n  web:\n    image: r.example/shop/web:v1   # web\n',
  'plain/a/web.yaml': 'spec:\n  containers:\n  - image: r.example/shop/web:v1\n',
  'plain/b.yaml': 'kind: Service\n',
  'README.md': 'manifests\n',
}

const branchOf = (manifests: ManifestsUnderTest, url?: string): ManifestBranch => ({
  repository: manifests.open(url),
  branch: 'main',
  project: 'shop',
  environment: 'stage',
})

describe('images committed to a manifest repository', () => {
  test('several services come in one commit that says who, what and why', async () => {
    await using manifests = await createManifests(files)
    const where = branchOf(manifests)
    const images = [image('carts', digestOf('a')), image('users', digestOf('b')), image('web', digestOf('d'))]
    const { commit, changes } = await commitImages(where, images, reasonOf('d-stage-1'), signal)
    assert.equal(await manifests.remote.head('main'), commit)
    assert.equal((await manifests.log('%s')).length, 2)
    assert.deepEqual(
      changes.map(({ service, from }) => [service, from]),
      [
        ['carts', null],
        ['users', null],
        ['web', null],
      ],
    )
    assert.equal(
      `${await manifests.file('apps/carts/stage/kustomization.yaml')}\n`,
      `# carts\nimages:\n- name: carts\n  digest: ${digestOf('a')} # by hand\n`,
    )
    assert.equal(
      `${await manifests.file('envs/stage/values.yaml')}\n`,
      `services:\n  web:\n    image: r.example/shop/web@${digestOf('d')}   # web\n`,
    )
    assert.match(await manifests.file('plain/a/web.yaml'), new RegExp(digestOf('d')))
    assert.equal(
      await manifests.remote.git('diff', '--name-only', 'main~1', 'main'),
      [
        'apps/carts/stage/kustomization.yaml',
        'apps/users/stage/kustomization.yaml',
        'envs/stage/values.yaml',
        'plain/a/web.yaml',
      ].join('\n'),
    )
    assert.deepEqual(await manifests.log('%an <%ae>|%s', 'main~0'), [
      'Ada <ada@example.com>|Deploy shop v1.2.0 to stage: carts, users, web',
      ...(await manifests.log('%an <%ae>|%s', 'main~1')),
    ])
    const message = await manifests.remote.git('log', '-1', '--format=%B', 'main')
    assert.match(message, /Commit cccccccccccc by Ben, from refs\/heads\/main; deployed by Ada\./)
    assert.match(message, new RegExp(`carts: nothing → ${digestOf('a')}`))
    assert.equal(
      (await manifests.remote.git('log', '-1', '--format=%(trailers:key=Trunkline-Service,valueonly)', 'main')).trim(),
      [`carts none ${digestOf('a')}`, `users none ${digestOf('b')}`, `web none ${digestOf('d')}`].join('\n'),
    )
    const note = noteOf(message)
    assert.deepEqual([note?.deployment, note?.epoch, note?.commit], ['d-stage-1', 1, 'c'.repeat(40)])
  })

  test('what is there already is not written again, and the commit that brought it is answered', async () => {
    await using manifests = await createManifests(files)
    const images = [image('carts', digestOf('a'))]
    const first = await commitImages(branchOf(manifests), images, reasonOf('d-stage-1'), signal)
    await manifests.push('another matter', { 'README.md': 'changed\n' })
    const again = await commitImages(branchOf(manifests), images, reasonOf('d-stage-1'), signal)
    assert.deepEqual(again, { commit: first.commit, changes: [] })
    assert.equal((await manifests.log('%s')).length, 3)
  })

  test('pushes of others in between cost a new look and never a change', async () => {
    await using manifests = await createManifests(files)
    const controllers = Array.from({ length: 4 }, () => branchOf(manifests))
    const names = ['carts', 'users', 'web', 'carts'] as const
    const people = (async () => {
      for (let turn = 0; turn < 4; turn++) await manifests.push(`hand ${turn}`, { [`notes/${turn}.md`]: `${turn}\n` })
    })()
    const ends = await Promise.all(
      controllers.map((where, index) =>
        commitImages(where, [image(names[index] ?? 'web', digestOf('a'))], reasonOf(`d-stage-${index}`), signal),
      ),
    )
    await people
    assert.equal(ends.filter(({ changes }) => changes.length > 0).length, 3)
    for (let turn = 0; turn < 4; turn++) assert.equal(await manifests.file(`notes/${turn}.md`), String(turn))
    assert.equal((await manifests.log('%s')).filter((subject) => subject.startsWith('Deploy')).length, 3)
    assert.equal(await manifests.remote.git('rev-list', '--min-parents=2', '--count', 'main'), '0')
  })

  test('a change of the same line by a person in between is written over once, knowingly', async () => {
    await using manifests = await createManifests(files)
    const where = branchOf(manifests)
    const tip = await where.repository.tip('main', signal)
    assert.ok(tip)
    const prepared = await prepareImages(where, tip, [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    assert.ok(prepared.kind === 'ready')
    await manifests.push('by hand', {
      'apps/carts/stage/kustomization.yaml': '# mine\nimages:\n- name: carts\n  newTag: v2\n',
    })
    const move = { branch: 'main', from: tip, to: prepared.commit }
    assert.equal(await where.repository.push(move, signal), 'lost-race')
    await commitImages(where, [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    assert.equal(
      `${await manifests.file('apps/carts/stage/kustomization.yaml')}\n`,
      `# mine\nimages:\n- name: carts\n  digest: ${digestOf('a')}\n`,
    )
  })

  test('a controller whose lease was taken over does not write over the newer one', async () => {
    await using manifests = await createManifests(files)
    await commitImages(branchOf(manifests), [image('carts', digestOf('b'))], reasonOf('d-stage-2', 8), signal)
    await assert.rejects(
      commitImages(branchOf(manifests), [image('carts', digestOf('a'))], reasonOf('d-stage-1', 7), signal),
      (error) => error instanceof TrunklineError && error.kind === 'refused' && error.code === 'STALE_CONTROLLER',
    )
    // Another environment has leases of its own, and so has another project.
    const other = { ...branchOf(manifests), project: 'other' }
    await commitImages(other, [image('users', digestOf('a'))], reasonOf('d-stage-1', 7), signal)
    assert.equal((await manifests.log('%s')).length, 3)
  })

  test('over HTTP with a password, contents of files come when they are read', async () => {
    await using manifests = await createManifests({ ...files, 'big.bin': Buffer.alloc(3_000_000, 'x') })
    await using server = await startGitHttpServer({
      root: manifests.remote.directory.replace(/\/remote\.git$/, ''),
      credentials: { user: 'bot', password: 'correct-horse' },
    })
    const where = branchOf(manifests, `${server.urlWithCredentials}/remote.git`)
    assert.doesNotMatch(where.repository.label, /correct-horse/)
    const { commit } = await commitImages(where, [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    assert.equal(await manifests.remote.head('main'), commit)
    const tip = await where.repository.tip('main', signal)
    assert.ok(tip)
    const [entry] = await where.repository.entries(tip, ['big.bin'])
    assert.ok(entry)
    const [big] = await where.repository.read([entry], signal)
    assert.equal(big?.content.length, 3_000_000)
    assert.equal(await manifests.remote.git('fsck', '--strict'), '')
  })

  test('the executable bit of a file stays', async () => {
    const path = 'apps/carts/stage/kustomization.yaml'
    await using manifests = await createManifests({ ...files, [path]: { content: files[path], executable: true } })
    await commitImages(branchOf(manifests), [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    assert.match(await manifests.remote.git('ls-tree', 'main', path), /^100755 /)
  })

  test('what is not understood is refused with file and line, and nothing at all is pushed', async () => {
    const cases: Array<[content: unknown, pattern: RegExp]> = [
      ['a: 1\nimages: {{ .Values.images }}\n', /^apps\/users\/stage\/kustomization\.yaml:2:9: this is a template/],
      [Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]), /kustomization\.yaml:1:1: this is no text in UTF-8/],
      [{ symlink: '../../carts/stage/kustomization.yaml' }, /kustomization\.yaml:1:1: this is a symbolic link/],
      [null, /apps\/users\/stage\/kustomization\.yaml is not in file:/],
    ]
    for (const [content, pattern] of cases) {
      await using manifests = await createManifests(files)
      await manifests.push('odd', { 'apps/users/stage/kustomization.yaml': content as null })
      const images = [image('carts', digestOf('a')), image('users', digestOf('b'))]
      await assert.rejects(commitImages(branchOf(manifests), images, reasonOf('d-stage-1'), signal), (error) => {
        assert.ok(error instanceof TrunklineError && error.kind === 'refused')
        assert.match(error.message, pattern)
        return true
      })
      assert.equal((await manifests.log('%s'))[0], 'odd')
    }
    await using manifests = await createManifests({ ...files, 'plain/a/web.yaml': 'spec: {}\n' })
    await assert.rejects(commitImages(branchOf(manifests), [image('web', digestOf('a'))], reasonOf('d-1'), signal), {
      code: 'MANIFEST_MISSING',
    })
  })

  test('a branch that is not there, and a repository that is not there, are said so', async () => {
    await using manifests = await createManifests(files)
    await assert.rejects(
      commitImages(
        { ...branchOf(manifests), branch: 'prod' },
        [image('carts', digestOf('a'))],
        reasonOf('d-1'),
        signal,
      ),
      { code: 'NO_BRANCH' },
    )
    const nowhere = branchOf(manifests, `file://${manifests.remote.directory}-gone`)
    await assert.rejects(commitImages(nowhere, [image('carts', digestOf('a'))], reasonOf('d-1'), signal), {
      kind: 'errored',
      code: 'REMOTE_UNREACHABLE',
    })
  })
})

describe('the way back in a manifest repository', () => {
  const back = (where: ManifestBranch, id: string) =>
    putBack(where, 'carts', known, { ...reasonOf(id), because: 'carts is not healthy.' }, signal)

  test('is a new commit after which the file is what it was, to the byte', async () => {
    await using manifests = await createManifests(files)
    const where = branchOf(manifests)
    await commitImages(where, [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    const { changes } = await back(where, 'd-stage-1')
    assert.equal(changes.length, 1)
    assert.equal(
      `${await manifests.file('apps/carts/stage/kustomization.yaml')}\n`,
      files['apps/carts/stage/kustomization.yaml'],
    )
    assert.deepEqual((await manifests.log('%s')).slice(0, 2), [
      'Put carts back in stage',
      'Deploy shop v1.2.0 to stage: carts',
    ])
    assert.deepEqual((await back(branchOf(manifests), 'd-stage-1')).changes, [], 'once')
  })

  test('leaves what came for other services in the same commit and the same file', async () => {
    const shared = {
      'envs/stage/values.yaml': 'services:\n  carts: { image: r/carts:v1 }\n  web: { image: r/web:v1 }\n',
    }
    await using manifests = await createManifests(shared)
    const inValues = (service: string) =>
      placesOf(service, {
        config: {
          ...config,
          edits: [{ kind: 'helm', file: 'envs/{environment}/values.yaml', path: 'services.{service}.image' }],
          services: {},
        },
        project: 'shop',
        environment: 'stage',
      })
    const where = branchOf(manifests)
    const images = ['carts', 'web'].map((service) => ({
      service,
      image: wanted(digestOf('a')),
      places: inValues(service),
    }))
    await commitImages(where, images, reasonOf('d-stage-1'), signal)
    const why = { ...reasonOf('d-stage-1'), because: 'carts is not healthy.' }
    await putBack(where, 'carts', { ...known, placesOf: inValues }, why, signal)
    assert.equal(
      `${await manifests.file('envs/stage/values.yaml')}\n`,
      `services:\n  carts: { image: r/carts:v1 }\n  web: { image: r/web@${digestOf('a')} }\n`,
    )
  })

  test('keeps what a person changed in the file since', async () => {
    await using manifests = await createManifests(files)
    const where = branchOf(manifests)
    await commitImages(where, [image('carts', digestOf('b'))], reasonOf('d-stage-0'), signal)
    await commitImages(where, [image('carts', digestOf('a'))], reasonOf('d-stage-1'), signal)
    const path = 'apps/carts/stage/kustomization.yaml'
    await manifests.push('by hand', { [path]: `namespace: mine\n${await manifests.file(path)}\n` })
    await back(where, 'd-stage-1')
    assert.equal(
      `${await manifests.file(path)}\n`,
      `namespace: mine\n# carts\nimages:\n- name: carts\n  digest: ${digestOf('b')} # by hand\n`,
    )
  })

  test('changes nothing where the deployment never got so far', async () => {
    await using manifests = await createManifests(files)
    assert.deepEqual((await back(branchOf(manifests), 'd-stage-9')).changes, [])
  })
})

test('trailers read back as they were written, also behind those of a squashed merge', () => {
  const note = {
    project: 'shop',
    environment: 'stage',
    epoch: 12,
    deployment: 'd-stage-1',
    release: 'e'.repeat(64),
    commit: 'c'.repeat(40),
    services: [{ service: 'carts', from: null, to: digestOf('a') }],
  }
  const lines = trailersOf(note).map(([name, value]) => `${name}: ${value}`)
  const message = `Deploy\n\nBody\n\n${lines.join('\n')}\n\nCo-authored-by: X <x@example.com>\n`
  assert.deepEqual(noteOf(message), note)
  assert.equal(noteOf('Deploy\n\nTrunkline-Environment: stage\n'), null)
})
