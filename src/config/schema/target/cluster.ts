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

const eksSchema = textWith('the name of a cluster', (name) =>
  /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be the name of a cluster of EKS' },
)

export const clusterShape = {
  kubeconfig: fileSchema
    .optional()
    .describe(
      'A kubeconfig, relative to the repository or absolute. Without it: `KUBECONFIG`, `~/.kube/config`, or as a pod the own cluster.',
    ),
  context: contextSchema.optional().describe('The context of it. Without it the current one.'),
  eks: eksSchema
    .optional()
    .describe("The name of a cluster of EKS in the environment's account of `aws`; in place of a kubeconfig."),
}

export const clusterSchema = object(clusterShape, { expected: 'a mapping such as `{ context: production }`' })
  .meta({ id: 'Cluster', title: 'Cluster', description: 'How a cluster is reached.' })
  .transform((given): ClusterAccess => accessOf(given))

type Given = { kubeconfig?: string | undefined; context?: string | undefined; eks?: string | undefined }

export const accessOf = (given: Given): ClusterAccess => ({
  kubeconfig: given.kubeconfig ?? null,
  context: given.context ?? null,
  ...(given.eks !== undefined && { eks: given.eks }),
})
