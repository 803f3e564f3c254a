/** The shape of every document under the state refs: `state.json`, `event.json`, leases, yanks and records. */
import {
  all,
  amount,
  count,
  exactly,
  flag,
  listOf,
  mappingOf,
  nullable,
  object,
  oneOf,
  optional,
  type Shape,
  text,
  variant,
} from './shape.ts'
import {
  actor,
  deploymentId,
  digest,
  hash,
  lines,
  name,
  objectId,
  reasons,
  refName,
  releasedEnvironment,
  releasedService,
  task,
  time,
  title,
  token,
} from './words.ts'

const version = exactly(1)
const trigger = oneOf('route', 'deploy', 'rollback', 'retry', 'reaction')
const reactions = listOf(oneOf('rollback', 'yank', 'notify'))
const phase = optional(oneOf('before', 'after', 'rollback'))

const attemptFields = { commit: objectId, ref: nullable(refName), version: text, author: actor }
const attempt = object({ ...attemptFields, release: nullable(hash), view: nullable(hash) })
const candidateFields = { ...attemptFields, release: hash, view: hash }
const candidate = object(candidateFields)

const runningService = object({
  artifact: digest,
  inputHash: nullable(hash),
  target: name,
  generation: token,
  fingerprint: nullable(token),
  settings: text,
})
const runningServices = mappingOf(name, runningService)
const hookKeys = mappingOf(title, text)

const running = object({
  ...candidateFields,
  deployment: nullable(deploymentId),
  since: time,
  seq: count,
  services: runningServices,
})

const waiting = object({
  candidate: attempt,
  trigger,
  plan: nullable(hash),
  covers: mappingOf(text, text),
  reasons,
  since: time,
  until: nullable(time),
})

const passedStage = object({ service: name, weight: count, step: count, of: count, next: nullable(count) })

const activeDeployment = object({
  id: deploymentId,
  trigger,
  candidate,
  plan: hash,
  startedAt: time,
  services: listOf(name),
  hooks: mappingOf(
    text,
    object({
      hook: title,
      service: name,
      irreversible: flag,
      outcome: oneOf('running', 'succeeded', 'failed', 'assumed'),
      phase,
      startedBy: optional(deploymentId),
    }),
  ),
  stages: optional(mappingOf(name, passedStage)),
  previews: optional(mappingOf(name, text)),
  phase: oneOf('running', 'reacting', 'errored', 'aborted'),
  errors: count,
  reactions,
  failure: nullable(object({ step: nullable(text), reasons, logTail: lines })),
})

export const stateShape: Shape = object({
  version,
  environment: name,
  seq: count,
  running: nullable(running),
  health: oneOf('healthy', 'degraded', 'none'),
  history: listOf(running),
  verified: listOf(object({ view: hash, release: hash, at: time, unyanks: count })),
  failures: listOf(object({ view: hash, release: hash, at: time, deployment: deploymentId })),
  deployment: nullable(activeDeployment),
  last: nullable(
    object({
      kind: oneOf('succeeded', 'failed', 'errored', 'refused', 'aborted', 'rolled-back'),
      deployment: nullable(deploymentId),
      candidate: nullable(attempt),
      at: time,
      reasons,
    }),
  ),
  waiting: nullable(waiting),
  approvals: listOf(object({ actor, plan: hash, at: time })),
  held: nullable(object({ actor, at: time, reasons })),
  passedOver: listOf(hash),
  hooks: hookKeys,
  irreversible: listOf(object({ hook: title, deployment: deploymentId, at: time, seq: count })),
})

const eventBase = object({ version, seq: count, at: time, actor, environment: name, reasons })
const maybeDeployment = nullable(deploymentId)
const failure = { deployment: maybeDeployment, candidate: attempt, step: nullable(text), logTail: lines }

export const eventShape: Shape = all(
  eventBase,
  variant('kind', {
    started: object({
      deployment: deploymentId,
      trigger,
      candidate,
      plan: hash,
      services: listOf(name),
      previews: optional(mappingOf(name, text)),
    }),
    succeeded: object({
      deployment: maybeDeployment,
      trigger,
      candidate,
      services: runningServices,
      hooks: hookKeys,
      unyanks: count,
    }),
    verified: object({ deployment: maybeDeployment, candidate, unyanks: count, stage: optional(passedStage) }),
    failed: object({ ...failure, reactions }),
    errored: object(failure),
    refused: object({ ...failure, deployment: deploymentId, candidate, step: text, reactions, isPartial: flag }),
    aborted: object({ deployment: deploymentId }),
    'rolled-back': object({
      deployment: deploymentId,
      trigger,
      from: nullable(hash),
      candidate: nullable(candidate),
      services: runningServices,
      hooks: hookKeys,
    }),
    waiting: object({ waiting }),
    approved: object({ plan: hash }),
    rejected: object({ plan: nullable(hash), candidate: nullable(attempt) }),
    held: object({ deployment: optional(deploymentId) }),
    resumed: object({}),
    yanked: object({ release: nullable(hash), artifact: nullable(digest), deployment: maybeDeployment }),
    'hook-started': object({
      deployment: deploymentId,
      hook: title,
      key: text,
      service: name,
      irreversible: flag,
      phase,
    }),
    'hook-ended': object({
      deployment: deploymentId,
      hook: title,
      key: text,
      outcome: oneOf('succeeded', 'failed', 'assumed'),
      logTail: lines,
    }),
    adopted: object({ tip: objectId }),
  }),
)

/** Its host, process and start time are compared with what the system says: a neighbour may be declared dead by them. */
const holder = object({ id: token, label: text, host: nullable(token), pid: count, startedAt: nullable(token) })

export const leaseShape: Shape = object({
  version,
  environment: name,
  epoch: count,
  holder: nullable(holder),
  renewal: count,
  at: time,
})

const yank = object({
  version,
  subject: variant('kind', {
    release: object({ release: hash, views: listOf(object({ environment: name, view: hash })) }),
    artifact: object({ artifact: digest }),
  }),
  yanked: flag,
  unyanks: count,
  actor,
  at: time,
  reason: text,
  label: nullable(text),
})

export const yanksShape: Shape = object({ version, yanks: listOf(yank) })

export const buildRecordShape: Shape = object({
  version,
  inputHash: hash,
  service: name,
  artifact: digest,
  commit: objectId,
  builder: text,
  at: time,
  durationMs: amount,
  provenance: nullable(digest),
})

export const checkRecordShape: Shape = object({
  version,
  checkHash: hash,
  service: name,
  check: title,
  verdict: oneOf('green', 'red'),
  commit: objectId,
  builder: text,
  at: time,
  durationMs: amount,
  logTail: optional(lines),
})

export const commitRecordShape: Shape = all(
  object({ version, commit: objectId, at: time, builder: text, inputHashes: mappingOf(name, hash) }),
  variant('outcome', { released: object({ release: hash }), failed: object({ reasons }) }),
)

export const releaseShape: Shape = object({
  version,
  id: hash,
  services: mappingOf(name, releasedService),
  environments: mappingOf(name, releasedEnvironment),
  tasks: mappingOf(title, task),
})
