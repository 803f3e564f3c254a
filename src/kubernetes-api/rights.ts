/** What a cluster lets us do, asked before it is done. */
import { type ClusterSession, told } from './session.ts'

export type Right = { group: string; resource: string; subresource?: string; verb: string }

export const rightsTo = (group: string, resource: string, verbs: readonly string[]): Right[] =>
  verbs.map((verb) => ({ group, resource, verb }))

/** Those of them that we do not have in a namespace. */
export async function lackingRights(
  session: ClusterSession,
  namespace: string,
  rights: readonly Right[],
  signal: AbortSignal,
): Promise<Right[]> {
  const asked = rights.map(async (right) => ((await may(session, namespace, right, signal)) ? [] : [right]))
  return (await Promise.all(asked)).flat()
}

/** `create, patch deployments.apps; get pods/log` */
export function sayRights(rights: readonly Right[]): string {
  const byResource = Map.groupBy(rights, nameOfRight)
  return [...byResource].map(([name, verbs]) => `${verbs.map(({ verb }) => verb).join(', ')} ${name}`).join('; ')
}

export const nameOfRight = ({ group, resource, subresource }: Right): string =>
  `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`

async function may(session: ClusterSession, namespace: string, right: Right, signal: AbortSignal): Promise<boolean> {
  const answer = await told(session, () =>
    session.client.request({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace, ...right } },
      },
      signal,
    }),
  )
  return (answer as { status?: { allowed?: boolean } }).status?.allowed === true // As the API answers such a review.
}
