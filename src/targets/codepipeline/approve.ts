/** Manual approvals of the pipeline, passed for this very execution because Trunkline's own gate was. */
import { PutApprovalResultCommand } from '@aws-sdk/client-codepipeline'
import { type ServiceName, short } from '../../model/index.ts'
import type { DeploymentNote, TargetContext } from '../../ports/index.ts'
import { codepipelineOf, type Parts } from './parts.ts'
import type { Wait } from './waits.ts'

type Approval = Wait & { kind: 'approval' }

/** What CodePipeline keeps of it. */
const maxSummaryLength = 512

/** Whether it was given here; where somebody was faster, the next look tells. */
export async function passApproval(
  parts: Parts,
  pipelineName: string,
  { stage, action, token }: Approval,
  summary: string,
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
): Promise<void> {
  const { aws } = parts
  if (token === null) return
  const command = new PutApprovalResultCommand({
    ...{ pipelineName, stageName: stage, actionName: action, token },
    result: { status: 'Approved', summary: summary.slice(0, maxSummaryLength) },
  })
  try {
    await aws.send(codepipelineOf(parts), command, { signal, writes: true })
    log(`passed the approval ${stage}/${action}: ${summary}`)
  } catch (error) {
    if (aws.isError(error, 'ApprovalAlreadyCompletedException')) return
    if (aws.isError(error, 'InvalidApprovalTokenException')) return
    throw error
  }
}

/** Who has approved what, for those who read it in CodePipeline. */
export function summaryOf(
  { environment }: Parts,
  service: ServiceName,
  deployment: DeploymentNote | undefined,
  wayBackFrom: string | null,
): string {
  if (deployment === undefined) return `Trunkline: ${service} to ${environment}`
  const { id, candidate, approved } = deployment
  const begins = `Trunkline ${id}: ${service}`
  if (wayBackFrom !== null) return `${begins} back to what ran in ${environment} before, since ${wayBackFrom} failed`
  const what = `${begins} ${candidate.version} (${candidate.commit.slice(0, 7)}) to ${environment}`
  if (approved === undefined) return `${what}; the gates of ${environment} were passed`
  return `${what}; plan ${short(approved.plan)} approved by ${approved.by.map(({ name }) => name).join(', ')}`
}
