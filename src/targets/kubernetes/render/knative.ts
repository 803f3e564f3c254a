/** A Knative Service made from how a service runs: it scales by its requests, and its newest revision takes all of them. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { usageError } from '../../../model/index.ts'
import { labelsOf } from './generated.ts'
import type { RenderRequest } from './render-request.ts'
import { clusterRunOf, containerOf, probesOf } from './service-container.ts'

/** Set by Knative itself, to the container's port. */
const ownPortVariable = 'PORT'

export function knativeObjects(request: RenderRequest): KubernetesObject[] {
  const run = clusterRunOf(request.desired.run)
  const { service } = request
  if (run.port === null) {
    throw usageError('WRONG_PLATFORM', `${service} has no port, and Knative runs what serves requests`, {
      hint: 'name its `port`, or leave `knative` out: then it runs in a Deployment',
    })
  }
  const portVariable = run.portVariable === ownPortVariable ? null : run.portVariable
  const container = {
    ...containerOf(request, { ...run, portVariable }),
    ports: [{ containerPort: run.port }],
    // Asked by Knative's own proxy, at the port that it knows, many times a second until the first yes.
    readinessProbe: probesOf(run, {}).readinessProbe,
  }
  return [
    {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: service, labels: labelsOf(request) },
      spec: {
        template: {
          metadata: { labels: labelsOf(request) },
          spec: { enableServiceLinks: false, containers: [container] },
        },
        traffic: [{ latestRevision: true, percent: 100 }],
      },
    },
  ]
}
