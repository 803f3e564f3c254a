/** An Argo CD `Application`: whether it is synced and healthy at a commit. Pure. */
import { reason, short } from '../../../model/index.ts'
import { parseImageName } from '../edit/index.ts'
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

/** A degraded state right after a sync may be the old one's: it has to stand. */
const degradedAfterMs = 5000
/** Manifests that cannot be made, or a repository that cannot be reached for a moment. */
const comparisonAfterMs = 20_000
/** Of what commit they cannot be made it does not say: long enough for three refreshes that were asked for. */
const unmakeableAfterMs = 65_000

/** Git revisions that the status speaks of: to be asked whether they contain the commit. */
export function revisionsOf({ status }: ObjectStatus): string[] {
  const sync = fields(fields(status)['sync'])
  const operation = fields(fields(status)['operationState'])
  const found = [...syncedRevisions(sync), ...operationRevisions(operation)]
  return [...new Set(found.filter((revision) => /^[0-9a-f]{40,64}$/.test(revision)))]
}

const syncedRevisions = (sync: Fields): string[] =>
  [sync['revision'], ...(Array.isArray(sync['revisions']) ? sync['revisions'] : [])]
    .map(textOf)
    .filter((text) => text !== '')

const operationRevisions = (operation: Fields): string[] => [
  ...syncedRevisions(fields(operation['syncResult'])),
  ...syncedRevisions(fields(fields(operation['operation'])['sync'])),
]

/** What shall run: a digest, under any of these repositories. */
export type ExpectedImage = { digest: string; names: readonly string[] }

/** `contains`: whether a revision has the commit among its ancestors, or is it. */
export function judgeApplication(
  application: ObjectStatus,
  contains: (revision: string) => boolean,
  image: ExpectedImage | null = null,
): Following {
  const status = fields(application.status)
  const sync = fields(status['sync'])
  const operation = fields(status['operationState'])
  const name = application.metadata?.name ?? 'the Application'

  const phase = textOf(operation['phase'])
  if (hasFailed(operation) && operationRevisions(operation).some(contains)) {
    const why = message(textOf(operation['message']).replace(/\.? Retrying attempt #\d+ at .*$/, '')) || phase
    return {
      kind: 'failing',
      reasons: [reason('sync-failed', `Argo CD could not sync ${name}: ${why}`)],
      logTail: failedResources(operation),
      afterMs: 0,
    }
  }
  const hasArrived = syncedRevisions(sync).some(contains)
  const comparison = list(status['conditions']).find((condition) => /Error$/.test(textOf(condition['type'])))
  if (comparison !== undefined && textOf(sync['status']) === 'Unknown') {
    const why = message(comparison['message'])
    const isUnmakeable = /manifest generation|generate manifest/i.test(why)
    if (!hasArrived && !isUnmakeable)
      return { kind: 'waiting', what: `${textOf(comparison['type'])}: ${why}`, hasArrived }
    const reasons = [reason('manifests-invalid', `Argo CD cannot make the manifests of ${name}: ${why}`)]
    if (!hasArrived) return { kind: 'failing', reasons, logTail: [], afterMs: unmakeableAfterMs, hasArrived }
    return { kind: 'failing', reasons, logTail: [], afterMs: isUnmakeable ? 0 : comparisonAfterMs }
  }
  const { says } = stateOfApplication(application)
  // A sync of something older may still be tried again: what is there already is not waiting for it.
  const isAtWork = phase === 'Running' && operationRevisions(operation).some(contains)
  if (!hasArrived || textOf(sync['status']) !== 'Synced' || isAtWork) return { kind: 'waiting', what: says, hasArrived }
  const health = textOf(fields(status['health'])['status'])
  if (health === 'Healthy') {
    const other = image === null ? null : otherImage(fields(status['summary']), image)
    if (other === null) return { kind: 'done' }
    return { kind: 'waiting', what: `${says}, and what runs is ${other}`, hasArrived }
  }
  if (health !== 'Degraded') return { kind: 'waiting', what: says, hasArrived }
  const logTail = unhealthyResources(application)
  const [first] = logTail
  return {
    kind: 'failing',
    reasons: [reason('degraded', `Argo CD says ${name} is degraded${first === undefined ? '' : `: ${first}`}`)],
    logTail,
    afterMs: degradedAfterMs,
  }
}

/**
 * An image of this name that runs in place of the expected one: then the file that was edited is not what makes it.
 * null: the expected one runs, or nothing is told of it (scaled to nothing, a kind whose images Argo CD does not know).
 */
function otherImage(summary: Fields, { digest, names }: ExpectedImage): string | null {
  const images = Array.isArray(summary['images']) ? summary['images'].map(textOf) : []
  if (images.some((known) => known.includes(digest))) return null
  const own = names.map(baseName)
  return images.find((known) => own.includes(baseName(parseImageName(known)?.repository ?? ''))) ?? null
}

const baseName = (repository: string): string => repository.slice(repository.lastIndexOf('/') + 1)

/** Argo CD tries five times, for minutes: what failed once may be an order of things, what failed twice is wrong. */
function hasFailed(operation: Fields): boolean {
  const phase = textOf(operation['phase'])
  return phase === 'Failed' || phase === 'Error' || (phase === 'Running' && Number(operation['retryCount'] ?? 0) >= 2)
}

export function stateOfApplication({ status }: ObjectStatus): FollowedState {
  const sync = fields(fields(status)['sync'])
  const health = textOf(fields(fields(status)['health'])['status'])
  const [revision] = syncedRevisions(sync)
  const at = revision === undefined ? '' : ` at ${short(revision)}`
  const says = `${textOf(sync['status']) || 'not looked at yet'}, ${health || 'health unknown'}${at}`
  if (health === 'Degraded' || health === 'Missing') return { health: 'unhealthy', says }
  return { health: health === 'Healthy' || health === 'Progressing' ? 'healthy' : 'unknown', says }
}

/** `Deployment shop/web: …` for each resource that its status calls unhealthy. */
export const unhealthyResources = ({ status }: ObjectStatus): string[] =>
  list(fields(status)['resources']).flatMap((resource) => {
    const health = fields(resource['health'])
    const state = textOf(health['status'])
    if (state === '' || state === 'Healthy') return []
    return [`${resourceName(resource)}: ${[state, message(health['message'])].filter(Boolean).join(', ')}`]
  })

const failedResources = (operation: Fields): string[] =>
  list(fields(operation['syncResult'])['resources']).flatMap((resource) => {
    const hasFailed =
      textOf(resource['status']) === 'SyncFailed' || /^(?:Failed|Error)$/.test(textOf(resource['hookPhase']))
    return hasFailed ? [`${resourceName(resource)}: ${message(resource['message']) || 'failed'}`] : []
  })

export const resourceName = (resource: Fields): string =>
  `${textOf(resource['kind'])} ${[textOf(resource['namespace']), textOf(resource['name'])].filter(Boolean).join('/')}`
