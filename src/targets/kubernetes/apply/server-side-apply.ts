/** Server-side apply with our own field manager, so that the API server itself says who else wants a field. */

import {
  ApiError,
  isConflict,
  isNotFound,
  type KubernetesObject,
  nameOf,
  type StatusCause,
} from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { type Reason, reason } from '../../../model/index.ts'
import { fieldManager } from '../names.ts'
import { namespaceTerminating } from '../rollout/namespace.ts'

export type ApplyOptions = {
  /** Takes fields over that others manage. */
  force: boolean
  /** Only asks what would come of it. */
  dryRun?: boolean
  signal: AbortSignal
}

export type Applied = { ok: true; object: KubernetesObject } | { ok: false; reasons: Reason[] }

/** What the server made of it, or why it would not have it. Faults of the world are thrown. */
export async function applyObject(
  session: ClusterSession,
  object: KubernetesObject,
  { force, dryRun = false, signal }: ApplyOptions,
): Promise<Applied> {
  const path = await session.resources.pathOf(object, signal)
  try {
    const answer = await session.client.request({
      method: 'PATCH',
      path,
      query: { fieldManager, force, ...(dryRun ? { dryRun: 'All' } : {}), fieldValidation: 'Strict' },
      body: object,
      contentType: 'application/apply-patch+yaml',
      signal,
    })
    return { ok: true, object: { ...object, ...(answer as KubernetesObject) } } // What was applied, as it stands now.
  } catch (error) {
    if (!(error instanceof ApiError) || !isVerdict(error)) throw error
    if (isTerminating(error)) throw namespaceTerminating(object.metadata.namespace ?? '')
    return { ok: false, reasons: reasonsOf(object, error) }
  }
}

/** The server understood, and says no to this very object. */
const isVerdict = ({ status, body }: ApiError): boolean =>
  [400, 404, 405, 409, 413, 415, 422].includes(status) ||
  (status === 403 &&
    /exceeded quota|denied the request|denied request|violates PodSecurity|is being terminated/.test(
      body.message ?? '',
    ))

function reasonsOf(object: KubernetesObject, error: ApiError): Reason[] {
  const { body } = error
  const causes = body.details?.causes ?? []
  if (isConflict(error) && causes.some((cause) => cause.reason === 'FieldManagerConflict')) {
    return causes.map((cause) =>
      reason(
        'managed-by-another',
        `${nameOf(object)}: ${cause.field ?? 'a field'} is managed by ${managerIn(cause.message)}`,
        {
          hint: 'if it was changed by hand, `trunkline diff` shows it and `trunkline deploy` puts it back; else take the field out of what describes the service, or set `conflicts: force` on the target',
        },
      ),
    )
  }
  const said = body.message ?? error.message
  const fixed = causes.filter((cause) => isImmutable(cause.message ?? ''))
  if (fixed.length > 0 || isImmutable(said)) {
    return [
      reason('immutable-field', `${nameOf(object)}: ${whatIsFixed(fixed, said)}`, {
        hint: 'such a field can only be set when the object is made: give it another name, or delete the object first',
      }),
    ]
  }
  if (/exceeded quota/.test(said)) {
    return [
      reason('quota-exceeded', `${nameOf(object)}: ${said}`, { hint: 'raise the ResourceQuota, or ask for less' }),
    ]
  }
  if (isDenied(said)) {
    const hint = 'a rule of this cluster is against it: ask whoever keeps it, or change what describes the service'
    return [reason('admission-denied', `${nameOf(object)}: ${said}`, { hint })]
  }
  if (isMissing(object, error)) {
    const hint = 'make it, or set `createNamespace: true` on the target'
    return [reason('namespace-missing', `${nameOf(object)}: ${said}`, { hint })]
  }
  return [reason('rejected', `${nameOf(object)}: ${said}`)]
}

const isTerminating = ({ status, body }: ApiError): boolean =>
  status === 403 && /is being terminated/.test(body.message ?? '')

/** By a webhook, a policy of the API server's own, or Pod Security. */
const isDenied = (said: string): boolean =>
  /denied the request|denied request|violates PodSecurity/.test(said) && !/exceeded quota/.test(said)

const isMissing = ({ metadata }: KubernetesObject, { status, body }: ApiError): boolean =>
  status === 404 && body.details?.kind === 'namespaces' && body.details.name === metadata.namespace

/** `conflict with "kubectl-client-side-apply" using apps/v1`. */
const managerIn = (message = ''): string => /conflict with (.*)$/.exec(message)?.[1] ?? 'someone else'

const isImmutable = (said: string): boolean =>
  /field is immutable|may not change once set|cannot be changed|updates to .* are forbidden/i.test(said)

const whatIsFixed = (causes: readonly StatusCause[], said: string): string =>
  causes.length === 0 ? said : `${causes.map(({ field }) => field ?? 'a field').join(', ')} cannot be changed any more`

/** Gone or never there: both are what was asked for. Dependents go as well. */
export async function deleteObject(
  session: ClusterSession,
  object: KubernetesObject,
  signal: AbortSignal,
  wait: 'Foreground' | 'Background' = 'Background',
): Promise<void> {
  try {
    await session.client.request({
      method: 'DELETE',
      path: await session.resources.pathOf(object, signal),
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: wait },
      signal,
    })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
