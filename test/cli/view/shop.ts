/** A small plan and made-up ids for the views' tests. */
import { sha256 } from '../../../src/hashing/index.ts'
import {
  type CommitId,
  type Digest,
  type InputHash,
  reason as makeReason,
  type Plan,
  type PlanHash,
  type PlannedStep,
  type Progress,
  type Reason,
  type RefName,
} from '../../../src/model/index.ts'

// Ids are branded strings in the model; a test makes its own.
export const commitOf = (start: string) => start.padEnd(40, '0') as CommitId
export const digest = (name: string) => `sha256:${sha256(name)}` as Digest
export const hash = (name: string) => sha256(name) as InputHash
export const reasonWith = makeReason

export const step = (id: string, kind: PlannedStep['kind'], needs: string[] = []): PlannedStep => ({
  id,
  kind,
  needs,
  reasons: [],
})

const changed: Reason[] = [
  makeReason('input-changed', 'services/carts/a.ts changed', { input: 'services/carts/**', rule: 'path' }),
]

/** carts is built, email reused; stage is deployed, prod waits. */
export function shopPlan(reasons: Reason[] = changed): Plan {
  const planHash = sha256('plan') as PlanHash
  return {
    commit: commitOf('c0ffee'),
    ref: 'refs/heads/main',
    release: null,
    hash: planHash,
    services: [
      { name: 'carts', action: 'build', inputHash: hash('carts'), artifact: null, reasons },
      {
        name: 'email',
        action: 'reuse',
        inputHash: hash('email'),
        artifact: digest('email'),
        reasons: [makeReason('already-built', 'built once at 77aa21c from the same inputs')],
      },
    ],
    environments: [
      {
        name: 'stage',
        action: 'deploy',
        plan: planHash,
        reasons: [makeReason('routed', 'branch main feeds stage')],
        services: [
          { name: 'carts', from: null, to: null, action: 'deploy', reasons: [] },
          { name: 'email', from: digest('email'), to: digest('email'), action: 'none', reasons: [] },
        ],
      },
      {
        name: 'prod',
        action: 'wait',
        plan: planHash,
        reasons: [makeReason('awaiting-approval', 'needs 1 approval of @release-managers')],
        services: [],
      },
    ],
    steps: [
      step('check:carts/test', 'check'),
      step('build:carts', 'build', ['check:carts/test']),
      step('release', 'release'),
    ],
  }
}

/** What a view hears of it before anything runs. */
export const planned: readonly Progress[] = [
  {
    kind: 'routed',
    commit: commitOf('c0ffee'),
    ref: 'refs/heads/main' as RefName,
    environments: ['stage', 'prod'].map((name) => ({ name, reasons: [makeReason('route', `main feeds ${name}`)] })),
  },
  {
    kind: 'release-planned',
    commit: commitOf('c0ffee'),
    services: shopPlan().services,
    steps: shopPlan().steps.filter((known) => known.kind !== 'release'),
  },
]
