/** Honest documents to begin with, made by the code that writes them. */
import { applyEvent, initialState, nextLease } from '../../../src/ledger/index.ts'
import type {
  BuildRecord,
  CheckRecord,
  CommitId,
  CommitRecord,
  EventDetail,
  InputHash,
  Release,
  ReleaseId,
  RunningService,
  Yank,
} from '../../../src/model/index.ts'
import { candidate, eventAt } from '../../ledger/events.ts'

/** Ids are digits repeated; their brands are given here, once. */
export const ids = {
  hash: '5'.repeat(64) as InputHash,
  commit: 'a'.repeat(40) as CommitId,
  release: '7'.repeat(64) as ReleaseId,
}
const at = '2026-01-01T00:00:00.000Z'
const actor = { name: 'Ada', email: 'ada@example.com' }
const deployment = 'd-stage-0123456789ab' as never
const digest = `sha256:${'b'.repeat(64)}` as never

const service: RunningService = {
  ...{
    artifact: digest,
    inputHash: ids.hash,
    target: 'fleet',
    generation: 'g1',
    fingerprint: 'f' as never,
    settings: 's',
  },
}

const details: EventDetail[] = [
  {
    kind: 'started',
    deployment,
    trigger: 'route',
    candidate: candidate(1),
    plan: ids.hash as never,
    services: ['carts'],
  },
  {
    kind: 'hook-started',
    deployment,
    hook: 'migrate',
    key: 'k',
    service: 'carts',
    irreversible: true,
    phase: 'before',
  },
  { kind: 'hook-ended', deployment, hook: 'migrate', key: 'k', outcome: 'succeeded', logTail: ['done'] },
  { kind: 'verified', deployment, candidate: candidate(1), unyanks: 0 },
  {
    ...{ kind: 'verified', deployment, candidate: candidate(1), unyanks: 0 },
    stage: { service: 'carts', weight: 10, step: 1, of: 3, next: 50 },
  },
  {
    ...{ kind: 'succeeded', deployment, trigger: 'route', candidate: candidate(1), unyanks: 0 },
    ...{ services: { carts: service }, hooks: { migrate: 'k' } },
  },
  {
    kind: 'failed',
    deployment,
    candidate: candidate(2),
    step: 'verify',
    logTail: ['no'],
    reactions: ['rollback', 'yank'],
  },
  { kind: 'errored', deployment, candidate: candidate(2), step: null, logTail: [] },
  { kind: 'aborted', deployment },
  {
    ...{ kind: 'rolled-back', deployment, trigger: 'reaction', from: ids.release, candidate: candidate(1) },
    ...{ services: { carts: service }, hooks: {} },
  },
  {
    kind: 'waiting',
    waiting: {
      ...{ candidate: candidate(3), trigger: 'route', plan: null, covers: { policy: 'x' }, since: at, until: at },
      reasons: [{ code: 'awaiting-approval', message: 'waits for approval', hint: 'trunkline approve prod' }],
    },
  },
  { kind: 'approved', plan: ids.hash as never },
  { kind: 'rejected', plan: null, candidate: candidate(3) },
  { kind: 'held' },
  { kind: 'resumed' },
  { kind: 'yanked', release: ids.release, artifact: null, deployment: null },
]

const events = details.map((detail, index) => eventAt(index + 1, detail))
const states = events.map((_, index) => events.slice(0, index + 1).reduce(applyEvent, initialState('stage')))

const yank: Yank = {
  ...{ version: 1, yanked: true, unyanks: 0, actor, at, reason: 'it loses orders', label: 'v2' },
  subject: { kind: 'release', release: ids.release, views: [{ environment: 'stage', view: ids.hash as never }] },
}

const build: BuildRecord = {
  ...{ version: 1, inputHash: ids.hash, service: 'carts', artifact: digest, commit: ids.commit },
  ...{ builder: 'ada@laptop', at, durationMs: 12, provenance: digest },
}
const check: CheckRecord = {
  ...{ version: 1, checkHash: ids.hash, service: 'carts', check: 'test', verdict: 'red', commit: ids.commit },
  ...{ builder: 'ada@laptop', at, durationMs: 12, logTail: ['no'] },
}
const commit: CommitRecord = {
  ...{ version: 1, commit: ids.commit, at, builder: 'ada', inputHashes: { carts: ids.hash } },
  ...{ outcome: 'released', release: ids.release },
}
const hook = { name: 'migrate', service: 'carts', run: 'x', timeoutMs: 1, idempotent: true, irreversible: false }
const release: Release = {
  version: 1,
  id: ids.release,
  services: {
    carts: {
      ...{ artifact: digest, deployInputs: { 'carts/deploy.yaml': ids.commit }, deployAfter: [], target: null },
      run: { command: './serve', port: 'PORT', health: '/', startTimeoutMs: 1, drainTimeoutMs: 1, stopTimeoutMs: 1 },
      env: { A: { kind: 'from', from: 'A', secret: true, default: null }, B: { kind: 'value', value: 'b' } },
    },
  },
  environments: {
    stage: {
      ...{ rollout: 'one-at-a-time', before: [hook], after: [], rollback: [], deployInputs: [], overlay: {} },
      verify: [
        {
          name: 'works',
          timeoutMs: 1,
          env: {},
          kind: 'http',
          service: 'carts',
          path: '/',
          status: 200,
          contains: null,
        },
      ],
    },
  },
  tasks: { seed: { name: 'seed', service: 'carts', run: 'seed', timeoutMs: 1 } },
}

export const documents = {
  events,
  states: [...states, initialState('stage')],
  leases: [
    nextLease(
      null,
      { environment: 'stage', seq: 0 },
      { id: 'x', label: 'ada@laptop', host: 'h', pid: 1, startedAt: '1' },
      at,
    ),
  ],
  yanks: [
    { version: 1, yanks: [yank, { ...yank, subject: { kind: 'artifact', artifact: digest } }] },
    { version: 1, yanks: [] },
  ],
  records: { build, check, commit, release },
}
