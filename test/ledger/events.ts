/** Arbitrary events over a small world of releases and deployments, so that they meet each other. */
import fc from 'fast-check'
import type { Candidate, CommitId, EventDetail, LedgerEvent, Reason } from '../../src/model/index.ts'

/** Ids in tests are digits repeated; their brands are given here, once. */
const id = (digit: number, length: number): never => String(digit).repeat(length) as never
const deploymentId = (digit: number): never => `d-stage-${String(digit).repeat(12)}` as never

export const candidate = (digit: number): Candidate => ({
  release: id(digit, 64),
  view: id(digit % 4, 64),
  commit: id(digit, 40),
  ref: 'refs/heads/main',
  version: `v${digit}`,
  author: { name: 'Ada', email: 'ada@example.com' },
})

export const eventAt = (seq: number, detail: EventDetail): LedgerEvent => ({
  version: 1,
  seq,
  at: new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString(),
  actor: { name: 'Ada', email: 'ada@example.com' },
  environment: 'stage',
  reasons: [],
  ...detail,
})

const digit = fc.integer({ min: 1, max: 9 })
const candidates = digit.map(candidate)
const deployments = fc.integer({ min: 1, max: 3 }).map(deploymentId)
const maybeDeployment = fc.option(deployments, { nil: null })
const plans = digit.map((known) => id(known, 64))
const trigger = fc.constantFrom('route' as const, 'deploy' as const, 'rollback' as const, 'reaction' as const)
const reactions = fc.subarray(['rollback' as const, 'yank' as const, 'notify' as const])
const hooks = fc.dictionary(fc.constantFrom('migrate', 'warm'), fc.constantFrom('key one', 'key two'), {
  noNullPrototype: true,
})
const hook = { hook: fc.constantFrom('migrate', 'warm'), key: fc.constantFrom('key one', 'key two') }
const services = fc.constant({})
const logTail = fc.constant<string[]>([])
const step = fc.constant(null)
const unyanks = fc.nat(2)

export const anyEvent: fc.Arbitrary<EventDetail> = fc.oneof(
  fc.record({
    kind: fc.constant('started' as const),
    deployment: deployments,
    trigger,
    candidate: candidates,
    plan: plans,
    services: fc.constant<string[]>(['carts']),
  }),
  fc.record({
    kind: fc.constant('succeeded' as const),
    deployment: maybeDeployment,
    trigger,
    candidate: candidates,
    services,
    hooks,
    unyanks,
  }),
  fc.record({ kind: fc.constant('verified' as const), deployment: maybeDeployment, candidate: candidates, unyanks }),
  fc.record({
    kind: fc.constant('verified' as const),
    deployment: maybeDeployment,
    candidate: candidates,
    unyanks,
    stage: fc.record({
      service: fc.constantFrom('carts', 'products'),
      weight: fc.constantFrom(0, 10, 100),
      step: fc.integer({ min: 1, max: 3 }),
      of: fc.constant(3),
      next: fc.constantFrom(50, null),
    }),
  }),
  fc.record({
    kind: fc.constant('failed' as const),
    deployment: maybeDeployment,
    candidate: candidates,
    step,
    logTail,
    reactions,
  }),
  fc.record({
    kind: fc.constant('errored' as const),
    deployment: maybeDeployment,
    candidate: candidates,
    step,
    logTail,
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    deployment: deployments,
    candidate: candidates,
    step: fc.constant('rollout carts'),
    logTail,
    reactions: fc.subarray(['rollback' as const]),
    isPartial: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('aborted' as const), deployment: deployments }),
  fc.record({
    kind: fc.constant('rolled-back' as const),
    deployment: deployments,
    trigger,
    from: fc.option(
      digit.map((known) => id(known, 64)),
      { nil: null },
    ),
    candidate: fc.option(candidates, { nil: null }),
    services,
    hooks,
  }),
  fc.record({
    kind: fc.constant('waiting' as const),
    waiting: fc.record({
      candidate: candidates,
      trigger,
      plan: fc.option(plans, { nil: null }),
      covers: fc.constant({}),
      reasons: fc.constant<Reason[]>([]),
      since: fc.constant('2026-01-01T00:00:00.000Z'),
      until: fc.constant(null),
    }),
  }),
  fc.record({ kind: fc.constant('approved' as const), plan: plans }),
  fc.record({
    kind: fc.constant('rejected' as const),
    plan: fc.option(plans, { nil: null }),
    candidate: fc.option(candidates, { nil: null }),
  }),
  fc.record({ kind: fc.constant('held' as const) }),
  fc.record({ kind: fc.constant('resumed' as const) }),
  fc.record({
    kind: fc.constant('yanked' as const),
    release: fc.option(
      digit.map((known) => id(known, 64)),
      { nil: null },
    ),
    artifact: fc.constant(null),
    deployment: maybeDeployment,
  }),
  fc.record({
    kind: fc.constant('hook-started' as const),
    deployment: deployments,
    ...hook,
    service: fc.constant('carts'),
    irreversible: fc.boolean(),
    phase: fc.constantFrom('before' as const, 'after' as const, 'rollback' as const),
  }),
  fc.record({
    kind: fc.constant('hook-ended' as const),
    deployment: deployments,
    ...hook,
    outcome: fc.constantFrom('succeeded' as const, 'failed' as const, 'assumed' as const),
    logTail,
  }),
  fc.record({ kind: fc.constant('adopted' as const), tip: fc.constant('ab'.repeat(20) as CommitId) }),
)
