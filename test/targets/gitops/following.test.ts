/** What Argo CD and Flux say, and what it means for a commit. The statuses are as the real ones write them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { judgeApplication, revisionsOf, stateOfApplication } from '../../../src/targets/gitops/following/argocd.ts'
import { revisionsOf as fluxRevisions, judgeFlux, stateOfFlux } from '../../../src/targets/gitops/following/flux.ts'
import type { Fields, Following } from '../../../src/targets/gitops/following/state.ts'

const ours = '183fa8a34684908a5c760fb0d717bd14dcf62d9e'
const older = '0f3fa8a34684908a5c760fb0d717bd14dcf62d90'
const contains = (revision: string) => revision === ours

const brief = (state: Following) =>
  state.kind === 'failing'
    ? [state.kind, state.reasons[0]?.code, state.reasons[0]?.message, state.logTail]
    : state.kind === 'waiting'
      ? [state.kind, state.what, state.hasArrived]
      : [state.kind]

describe('an Application of Argo CD', () => {
  const judge = (status: Fields) => brief(judgeApplication({ metadata: { name: 'web' }, status }, contains))
  const operation = (phase: string, revision = ours, more: Fields = {}) => ({
    phase,
    operation: { sync: { revision } },
    syncResult: { revision, resources: [] },
    ...more,
  })
  const sync = (status: string, revision = ours) => ({ status, revision })
  const health = (status: string) => ({ status })

  test('is done when it is synced and healthy at the commit, or at one that has it', () => {
    const status = { sync: sync('Synced'), health: health('Healthy'), operationState: operation('Succeeded') }
    assert.deepEqual(judge(status), ['done'])
    const several = { ...status, sync: { status: 'Synced', revisions: [older, ours] } }
    assert.deepEqual(judge(several), ['done'])
    assert.deepEqual(revisionsOf({ status: several }), [older, ours])
  })

  test('waits while it is elsewhere, not synced, at it, or not healthy yet', () => {
    const healthy = { health: health('Healthy') }
    assert.deepEqual(judge({}), ['waiting', 'not looked at yet, health unknown', false])
    assert.deepEqual(judge({ ...healthy, sync: sync('Synced', older) }), [
      'waiting',
      'Synced, Healthy at 0f3fa8a34684',
      false,
    ])
    assert.deepEqual(judge({ ...healthy, sync: sync('OutOfSync') }), [
      'waiting',
      'OutOfSync, Healthy at 183fa8a34684',
      true,
    ])
    assert.equal(judge({ ...healthy, sync: sync('Synced'), operationState: operation('Running') })[0], 'waiting')
    assert.equal(judge({ health: health('Progressing'), sync: sync('Synced') })[0], 'waiting')
    // What an older commit came to is no word on ours.
    assert.equal(judge({ health: health('Degraded'), sync: sync('Synced', older) })[0], 'waiting')
    assert.equal(judge({ health: health('Degraded'), sync: sync('OutOfSync') })[0], 'waiting')
    assert.equal(judge({ sync: sync('OutOfSync'), operationState: operation('Failed', older) })[0], 'waiting')
  })

  test('is not done while another image of that name runs, where that can be told', () => {
    const image = { digest: `sha256:${'a'.repeat(64)}`, names: ['registry.example/shop/web'] }
    const judged = (images: string[] | undefined) => {
      const status = { sync: sync('Synced'), health: health('Healthy'), summary: { images } }
      return brief(judgeApplication({ status }, contains, image))
    }
    assert.deepEqual(judged([`mirror.example/web@${image.digest}`, 'mirror.example/web:v1']), ['done'])
    assert.deepEqual(judged([]), ['done'])
    assert.deepEqual(judged(undefined), ['done'])
    assert.deepEqual(judged(['docker.io/redis:7']), ['done'])
    const what = 'Synced, Healthy at 183fa8a34684, and what runs is mirror.example/web:v1'
    assert.deepEqual(judged(['docker.io/redis:7', 'mirror.example/web:v1']), ['waiting', what, true])
  })

  test('has failed when the sync of the commit failed, or failed twice and is tried again', () => {
    const refused = {
      group: 'apps',
      kind: 'Deployment',
      name: 'odd',
      namespace: 'x-odd',
      status: 'SyncFailed',
      hookPhase: 'Failed',
      message: '.spec.replicas: expected numeric (int or float), got string',
    }
    const operationState = operation('Running', ours, {
      message: 'one or more objects failed to apply, reason: it is wrong. Retrying attempt #2 at 5:59PM.',
      retryCount: 2,
      syncResult: { revision: ours, resources: [refused] },
    })
    const status = { sync: sync('OutOfSync'), health: health('Missing'), operationState }
    const tail = ['Deployment x-odd/odd: .spec.replicas: expected numeric (int or float), got string']
    const why = 'Argo CD could not sync web: one or more objects failed to apply, reason: it is wrong'
    assert.deepEqual(judge(status), ['failing', 'sync-failed', why, tail])
    assert.equal(judge({ ...status, operationState: { ...operationState, retryCount: 1 } })[0], 'waiting')
    assert.equal(
      judge({ ...status, operationState: { ...operationState, phase: 'Failed', retryCount: 5 } })[0],
      'failing',
    )
  })

  test('has failed when it is degraded at the commit, with the resource that is', () => {
    const resources = [
      {
        kind: 'Deployment',
        namespace: 'x',
        name: 'web',
        health: { status: 'Degraded', message: 'exceeded its progress deadline' },
      },
      { kind: 'Service', namespace: 'x', name: 'web', health: { status: 'Healthy' } },
    ]
    const line = 'Deployment x/web: Degraded, exceeded its progress deadline'
    const status = { sync: sync('Synced'), health: health('Degraded'), resources }
    assert.deepEqual(judge(status), ['failing', 'degraded', `Argo CD says web is degraded: ${line}`, [line]])
    assert.equal(stateOfApplication({ status }).health, 'unhealthy')
  })

  test('has failed when its manifests cannot be made, which a repository that is away does not mean', () => {
    const conditions = [
      {
        type: 'ComparisonError',
        message:
          'Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = kustomize build failed',
      },
    ]
    const status = { sync: sync('Unknown'), health: health('Healthy'), conditions }
    assert.equal(judge(status)[1], 'manifests-invalid')
    const away = [{ type: 'ComparisonError', message: 'Failed to load target state: rpc error: connection refused' }]
    assert.equal(judge({ ...status, conditions: away, sync: sync('Unknown', older) })[0], 'waiting')
  })

  test('has failed after a while where its manifests cannot be made at all, so that it names no commit', () => {
    const conditions = [
      { type: 'ComparisonError', message: 'failed to generate manifest for source 1 of 1: no such file' },
    ]
    const state = judgeApplication(
      { metadata: { name: 'web' }, status: { sync: { status: 'Unknown', revision: 'main' }, conditions } },
      contains,
    )
    assert.ok(state.kind === 'failing')
    assert.equal(state.hasArrived, false)
    assert.ok(state.afterMs >= 60_000)
    assert.match(state.reasons[0]?.message ?? '', /^Argo CD cannot make the manifests of web: .*no such file/)
  })
})

describe('a Kustomization or HelmRelease of Flux', () => {
  const object = (status: Fields, spec: Fields = {}) => ({ metadata: { name: 'web', generation: 3 }, spec, status })
  const judge = (status: Fields, spec?: Fields) => brief(judgeFlux(object(status, spec), contains))
  const ready = (status: string, reason: string, text = 'as told') => [{ type: 'Ready', status, reason, message: text }]
  const at = (revision: string, attempted = revision) => ({
    observedGeneration: 3,
    lastAppliedRevision: revision,
    lastAttemptedRevision: attempted,
  })

  test('is done when it is ready at the commit, whichever way its revision is written', () => {
    for (const revision of [`main@sha1:${ours}`, `main/${ours}`, `0.1.0+${ours}`]) {
      const status = { ...at(revision), conditions: ready('True', 'ReconciliationSucceeded') }
      assert.deepEqual(judge(status), ['done'], revision)
      assert.deepEqual(fluxRevisions(object(status)), [ours])
    }
    const release = {
      observedGeneration: 3,
      lastAttemptedRevision: `0.1.0+${ours}`,
      conditions: ready('True', 'UpgradeSucceeded'),
    }
    assert.deepEqual(judge(release), ['done'])
  })

  test('waits while it is elsewhere, at work, for others, or suspended', () => {
    const applied = `main@sha1:${older}`
    const waiting = (status: Fields, spec?: Fields) => judge(status, spec)[0] === 'waiting'
    assert.ok(waiting({}))
    assert.ok(waiting({ ...at(applied), conditions: ready('True', 'ReconciliationSucceeded') }))
    assert.ok(waiting({ ...at(applied, `main@sha1:${ours}`), conditions: ready('Unknown', 'Progressing') }))
    assert.ok(waiting({ ...at(applied, `main@sha1:${ours}`), conditions: ready('False', 'DependencyNotReady') }))
    assert.ok(waiting({ ...at(`main@sha1:${ours}`), observedGeneration: 2, conditions: ready('True', 'x') }))
    assert.deepEqual(judge({ ...at(applied) }, { suspend: true }), ['waiting', 'suspended', false])
  })

  test('has failed when it is not ready at the commit, and says why', () => {
    const status = {
      ...at(`main@sha1:${older}`, `main@sha1:${ours}`),
      conditions: ready('False', 'HealthCheckFailed', 'Deployment/shop/web status: Failed'),
    }
    const why = 'Flux says web is not ready: HealthCheckFailed: Deployment/shop/web status: Failed'
    assert.deepEqual(judge(status), ['failing', 'not-ready', why, []])
    assert.equal(stateOfFlux(object(status)).health, 'unhealthy')
    const before = { ...at(`main@sha1:${older}`), conditions: ready('False', 'HealthCheckFailed') }
    assert.equal(judge(before)[0], 'waiting', 'that was before our commit')
  })
})
