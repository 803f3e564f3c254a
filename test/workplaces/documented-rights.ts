/** A service account with the rights that docs/building-elsewhere.md lists, and no others. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { Cluster } from '../parts/kubernetes/cluster.ts'

const guide = new URL('../../docs/building-elsewhere.md', import.meta.url)

export async function grantDocumentedRights(cluster: Cluster, namespace: string): Promise<{ kubeconfig: string }> {
  const text = await readFile(guide, 'utf8')
  const role = /```yaml\n(\s*apiVersion: rbac[\s\S]*?)\n\s*```/.exec(text)?.[1]
  if (role === undefined) throw new Error('the guide has no Role')
  const { metadata, ...rest } = parse(role) as { metadata: { name: string } }
  await cluster.apply(
    { ...rest, metadata: { ...metadata, namespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: metadata.name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'deliverer', namespace }],
    },
  )
  return await cluster.serviceAccount({ namespace, name: 'deliverer' })
}
