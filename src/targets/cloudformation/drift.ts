/** What was changed past CloudFormation, as it finds out when it is asked. */
import {
  DescribeStackDriftDetectionStatusCommand,
  DetectStackDriftCommand,
  paginateDescribeStackResourceDrifts,
  type StackResourceDrift,
} from '@aws-sdk/client-cloudformation'
import { erroredError, type ServiceName } from '../../model/index.ts'
import type { Drift } from '../../ports/index.ts'
import { readInventories } from './inventory.ts'
import { cloudformationOf, describeStack, type Parts } from './parts.ts'
import { stateOf } from './stack-state.ts'

const detectionTimeoutMs = 15 * 60_000

export async function findStackDrift(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  const inventories = await readInventories(parts, services, signal)
  const found: Drift[] = []
  for (const [service, { stacks }] of inventories) {
    for (const name of stacks) {
      const stack = await describeStack(parts, name, signal)
      if (stateOf(stack) !== 'ready') continue
      const drifts = await driftOf(parts, name, signal)
      found.push(...drifts.map((drift) => driftFound(service, name, drift)))
    }
  }
  return found
}

async function driftOf(parts: Parts, StackName: string, signal: AbortSignal): Promise<StackResourceDrift[]> {
  const { aws } = parts
  const client = cloudformationOf(parts)
  const begin = new DetectStackDriftCommand({ StackName })
  const { StackDriftDetectionId } = await aws.send(client, begin, { signal })
  const status = await aws.waitFor({
    what: `CloudFormation to find the drift of ${StackName}`,
    timeoutMs: detectionTimeoutMs,
    intervalMs: parts.lookEveryMs,
    signal,
    async look() {
      const ask = new DescribeStackDriftDetectionStatusCommand({ StackDriftDetectionId })
      const now = await aws.send(client, ask, { signal })
      return now.DetectionStatus === 'DETECTION_IN_PROGRESS' ? null : now
    },
  })
  // Some resources may be told even so; that not all are, must not look like no drift.
  if (status.DetectionStatus === 'DETECTION_FAILED') {
    const why = status.DetectionStatusReason ?? 'no reason is given'
    throw erroredError('DRIFT_UNKNOWN', `CloudFormation cannot find the drift of ${StackName}: ${why}`)
  }
  const drifts: StackResourceDrift[] = []
  const input = { StackName, StackResourceDriftStatusFilters: ['MODIFIED' as const, 'DELETED' as const] }
  const pages = aws.pages(paginateDescribeStackResourceDrifts, client, input, { signal })
  for await (const { StackResourceDrifts = [] } of pages) drifts.push(...StackResourceDrifts)
  return drifts
}

function driftFound(service: ServiceName, stack: string, drift: StackResourceDrift): Drift {
  const { ResourceType: type, LogicalResourceId: name, StackResourceDriftStatus: status } = drift
  const subject = `${type} ${name} of ${stack}`
  if (status === 'DELETED') return { service, subject, fields: [] }
  return {
    service,
    subject,
    fields: (drift.PropertyDifferences ?? []).map(({ PropertyPath, ExpectedValue, ActualValue, DifferenceType }) => ({
      path: (PropertyPath ?? '').replace(/^\//, '').replaceAll('/', '.'),
      expected: DifferenceType === 'ADD' ? null : parsed(ExpectedValue),
      ...(DifferenceType === 'REMOVE' ? {} : { actual: parsed(ActualValue) }),
      by: null,
    })),
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return text
  }
}
