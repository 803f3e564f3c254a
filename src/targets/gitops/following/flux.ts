/** A Flux `Kustomization` or `HelmRelease`: whether it is ready at a commit. Pure. */
import { reason, short } from '../../../model/index.ts'
import {
  type Fields,
  type FollowedState,
  type Following,
  fields,
  list,
  message,
  type ObjectStatus,
  textOf,
} from './state.ts'

/** Flux tries again by itself: what failed over a conflict may pass. */
const failingAfterMs = 10_000

/** Reasons of a Ready condition that are no verdict yet. */
const passing = new Set(['Progressing', 'ProgressingWithRetry', 'DependencyNotReady', 'ArtifactFailed', 'Unknown', ''])

/** `main@sha1:1a2b…`, `main/1a2b…` of older versions, `0.1.0+1a2b…` of a chart from git. */
const commitIn = (revision: string): string | null => /(?:^|[:/+])([0-9a-f]{7,64})$/.exec(revision)?.[1] ?? null

export function revisionsOf({ status }: ObjectStatus): string[] {
  const found = ['lastAppliedRevision', 'lastAttemptedRevision'].map((name) => commitIn(textOf(fields(status)[name])))
  return [...new Set(found.filter((commit) => commit !== null))]
}

export function judgeFlux(object: ObjectStatus, contains: (revision: string) => boolean): Following {
  const status = fields(object.status)
  const name = object.metadata?.name ?? 'it'
  const has = (field: string) => {
    const commit = commitIn(textOf(status[field]))
    return commit !== null && contains(commit)
  }
  const isObserved =
    status['observedGeneration'] === undefined || status['observedGeneration'] === object.metadata?.generation
  const ready = conditionOf(status, 'Ready')
  const hasArrived = has('lastAttemptedRevision') || has('lastAppliedRevision')
  const { says } = stateOfFlux(object)
  // A HelmRelease notes attempts alone.
  const isApplied = has(status['lastAppliedRevision'] === undefined ? 'lastAttemptedRevision' : 'lastAppliedRevision')
  if (textOf(ready['status']) === 'True' && isApplied && isObserved) return { kind: 'done' }
  const isStalled = textOf(conditionOf(status, 'Stalled')['status']) === 'True'
  const hasFailed = textOf(ready['status']) === 'False' && !passing.has(textOf(ready['reason']))
  if (!has('lastAttemptedRevision') || !isObserved || !(isStalled || hasFailed))
    return { kind: 'waiting', what: fields(object.spec)['suspend'] === true ? 'suspended' : says, hasArrived }
  const why = `Flux says ${name} is not ready: ${textOf(ready['reason'])}: ${message(ready['message'])}`
  return { kind: 'failing', reasons: [reason('not-ready', why)], logTail: [], afterMs: isStalled ? 0 : failingAfterMs }
}

export function stateOfFlux({ status }: ObjectStatus): FollowedState {
  const ready = conditionOf(fields(status), 'Ready')
  const state = textOf(ready['status'])
  const revision = commitIn(textOf(fields(status)['lastAppliedRevision'] ?? fields(status)['lastAttemptedRevision']))
  const at = revision === null ? '' : ` at ${short(revision)}`
  if (state === 'True') return { health: 'healthy', says: `Ready${at}` }
  const why = [textOf(ready['reason']), message(ready['message'])].filter(Boolean).join(': ')
  const hasFailed = state === 'False' && !passing.has(textOf(ready['reason']))
  return { health: hasFailed ? 'unhealthy' : 'unknown', says: `not ready${at}${why === '' ? '' : ` (${why})`}` }
}

const conditionOf = (status: Fields, type: string): Fields =>
  list(status['conditions']).find((condition) => condition['type'] === type) ?? {}
