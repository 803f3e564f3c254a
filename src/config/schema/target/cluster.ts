/** How a cluster is reached. */
import type { ClusterAccess } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { object, textWith } from '../shapes.ts'

const fileSchema = textWith('a path', (path) =>
  path.trim() === '' || /\p{Cc}/u.test(path)
    ? { code: 'INVALID_PATH', message: `\`{key}\` must be the path of a kubeconfig, not ${show(path)}` }
    : null,
)

const contextSchema = textWith('the name of a context', (name) =>
  name.trim() === '' ? { code: 'INVALID_VALUE', message: '`{key}` is empty' } : null,
)

export const clusterShape = {
  kubeconfig: fileSchema
    .optional()
    .describe(
      'A kubeconfig, relative to the repository or absolute. Without it: `KUBECONFIG`, `~/.kube/config`, or as a pod the own cluster.',
    ),
  context: contextSchema.optional().describe('The context of it. Without it the current one.'),
}

export const clusterSchema = object(clusterShape, { expected: 'a mapping such as `{ context: production }`' })
  .meta({ id: 'Cluster', title: 'Cluster', description: 'How a cluster is reached.' })
  .transform((given): ClusterAccess => accessOf(given))

export const accessOf = (given: { kubeconfig?: string | undefined; context?: string | undefined }): ClusterAccess => ({
  kubeconfig: given.kubeconfig ?? null,
  context: given.context ?? null,
})
