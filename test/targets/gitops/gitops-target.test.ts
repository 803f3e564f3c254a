/** The GitOps target without anybody behind it: deployed is what is pushed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TrunklineError } from '../../../src/model/index.ts'
import { openGitOps, requestOf } from './gitops-under-test.ts'
import { digestOf } from './manifest-repository.ts'

const signal = new AbortController().signal
const kustomization = (name: string, rest = '') => `# ${name}\nimages:\n- name: ${name}\n${rest}`
const files = {
  'apps/carts/stage/kustomization.yaml': kustomization('carts', '  newTag: v1\n'),
  'apps/web/stage/kustomization.yaml': 'resources: [../base]\n',
}

describe('a GitOps target', () => {
  test('brings a service, finds it again, and doing it twice changes nothing', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    const request = requestOf('carts', digestOf('a'))
    const before = await target.observe(['carts', 'web'], signal)
    assert.ok(before.reachable)
    assert.deepEqual(
      [
        before.services['carts']?.artifact,
        before.services['carts']?.instances.desired,
        before.services['carts']?.detail,
      ],
      [null, 0, 'no common digest: carts:v1'],
    )
    const context = gitops.context('d-stage-1')
    assert.deepEqual(await target.ensure(request, context), { ok: true })
    assert.deepEqual(await target.findDrift?.(['carts', 'web'], signal), [])
    assert.match(context.lines.join('\n'), /deployed, since nobody is named who brings it to a cluster/)
    assert.deepEqual(await target.verify(request, context), { ok: true })
    const seen = await gitops.open().observe(['carts'], signal)
    assert.ok(seen.reachable)
    assert.deepEqual(seen.services['carts'], {
      generation: null,
      tells: 'artifact',
      artifact: digestOf('a'),
      fingerprint: null,
      instances: { ready: 1, desired: 1 },
      url: null,
    })
    const commits = await gitops.manifests.log('%H')
    assert.deepEqual(await gitops.open().ensure(request, gitops.context('d-stage-1')), { ok: true })
    assert.deepEqual(await gitops.manifests.log('%H'), commits)
  })

  test('services that may begin together come in one commit, whichever begins first', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    const together = { carts: digestOf('a'), web: digestOf('b') }
    const verdicts = await Promise.all(
      (['carts', 'web'] as const).map((service) =>
        target.ensure(requestOf(service, together[service]), gitops.context('d-stage-1', together)),
      ),
    )
    assert.deepEqual(verdicts, [{ ok: true }, { ok: true }])
    assert.equal((await gitops.manifests.log('%s')).length, 2)
    // What is new there says where it is pulled from.
    assert.equal(
      `${await gitops.manifests.file('apps/web/stage/kustomization.yaml')}\n`,
      `resources: [../base]\nimages:\n- name: web\n  newName: registry.test/shop/web\n  digest: ${digestOf('b')}\n`,
    )
  })

  test('a way back is a new commit with an older image', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    await target.ensure(requestOf('carts', digestOf('a')), gitops.context('d-stage-1', {}, 1))
    await target.ensure(requestOf('carts', digestOf('b')), gitops.context('d-stage-2', {}, 2))
    await target.ensure(requestOf('carts', digestOf('a')), gitops.context('d-stage-3', {}, 3))
    assert.equal((await gitops.manifests.log('%s')).length, 4)
    assert.match(await gitops.manifests.file('apps/carts/stage/kustomization.yaml'), new RegExp(digestOf('a')))
  })

  test('what somebody changed by hand is seen, with who and where, and no longer verified', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    const request = requestOf('carts', digestOf('a'))
    await target.ensure(request, gitops.context('d-stage-1'))
    const commit = await gitops.manifests.push('hot fix', {
      'apps/carts/stage/kustomization.yaml': kustomization('carts', `  digest: ${digestOf('d')}\n`),
    })
    const seen = await target.observe(['carts'], signal)
    assert.ok(seen.reachable)
    assert.equal(seen.services['carts']?.artifact, digestOf('d'))
    assert.match(
      seen.services['carts']?.detail ?? '',
      new RegExp(`^changed to dddddddddddd by .+ in ${commit.slice(0, 12)}$`),
    )
    const [drift, ...others] = (await target.findDrift?.(['carts', 'web'], signal)) ?? []
    assert.deepEqual([drift?.service, drift?.subject, others], ['carts', 'apps/carts/stage/kustomization.yaml', []])
    const [field] = drift?.fields ?? []
    assert.deepEqual([field?.expected, field?.actual], [digestOf('a'), 'carts@dddddddddddd'])
    assert.ok(field?.by?.name)
    const verdict = await target.verify(request, gitops.context('d-stage-1'))
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.message ?? '', /no longer has this image of carts \(changed to/)
  })

  test('a file that is not understood is told when looking, and refused when deploying', async () => {
    await using gitops = await openGitOps({
      'apps/carts/stage/kustomization.yaml': 'images: {{ .Values.images }}\n',
    })
    const target = gitops.open()
    const seen = await target.observe(['carts'], signal)
    assert.ok(seen.reachable)
    assert.match(
      seen.services['carts']?.detail ?? '',
      /^apps\/carts\/stage\/kustomization\.yaml:1:9: this is a template/,
    )
    await assert.rejects(target.ensure(requestOf('carts', digestOf('a')), gitops.context('d-1')), (error) => {
      assert.ok(error instanceof TrunklineError)
      assert.deepEqual([error.kind, error.code, error.location?.line], ['refused', 'MANIFEST_NOT_UNDERSTOOD', 1])
      return true
    })
  })

  test('the repository that the cluster pulls from is put in where it is named', async () => {
    await using gitops = await openGitOps(
      { 'values.yaml': 'carts: { image: { repository: old/carts, tag: v1, digest: "" } }\n' },
      {
        edits: [{ kind: 'helm', file: 'values.yaml', path: '{service}.image' }],
        pullFrom: 'mirror.test/{project}/{service}',
      },
    )
    await gitops.open().ensure(requestOf('carts', digestOf('a')), gitops.context('d-stage-1'))
    assert.equal(
      `${await gitops.manifests.file('values.yaml')}\n`,
      `carts: { image: { repository: mirror.test/shop/carts, tag: v1, digest: "${digestOf('a')}" } }\n`,
    )
  })

  test('a controller that has lost its lease changes nothing', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    await target.ensure(requestOf('carts', digestOf('a')), gitops.context('d-stage-2', {}, 7))
    await assert.rejects(target.ensure(requestOf('carts', digestOf('b')), gitops.context('d-stage-1', {}, 6)), {
      kind: 'refused',
      code: 'STALE_CONTROLLER',
    })
    assert.equal((await gitops.manifests.log('%s')).length, 2)
  })

  test('manifests of a service that is no longer deployed stay, and it is said so', async () => {
    await using gitops = await openGitOps(files)
    const context = gitops.context('d-stage-1')
    assert.deepEqual(await gitops.open().remove('carts', context), { ok: true })
    assert.match(context.lines.join('\n'), /carts is no longer deployed; its manifests stay in file:/)
    assert.equal((await gitops.manifests.log('%s')).length, 1)
  })

  test('hooks and logs have no place here, and the refusal says where they have', async () => {
    await using gitops = await openGitOps(files)
    const target = gitops.open()
    const job = {
      key: 'k',
      name: 'migrate',
      service: 'carts',
      artifact: digestOf('a'),
      run: 'x',
      variables: {},
      timeoutMs: 1,
    }
    await assert.rejects(target.runJob(job, gitops.context('d-stage-1')), {
      kind: 'refused',
      code: 'NO_PLACE_FOR_JOBS',
    })
    assert.deepEqual(await target.jobOutcome('k', signal), { kind: 'never-started' })
    const reading = target.logs({ service: 'carts', lines: 1, follow: false }, signal)[Symbol.asyncIterator]()
    await assert.rejects(reading.next(), { kind: 'refused', code: 'NO_LOGS' })
    assert.deepEqual(await target.fingerprint({ carts: { PASSWORD: 'swordfish' } }, signal), {})
  })

  test('a service whose place nobody named is a mistake in the configuration', async () => {
    await using gitops = await openGitOps(files, { edits: [] })
    await assert.rejects(gitops.open().observe(['carts'], signal), { kind: 'usage', code: 'NO_EDITS' })
  })
})
