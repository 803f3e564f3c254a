/** What the actions of an execution did, in the order they began. */

import type { ActionCategory } from '@aws-sdk/client-codepipeline'
import { type ActionExecutionDetail, paginateListActionExecutions } from '@aws-sdk/client-codepipeline'
import { codepipelineOf, type Parts } from './parts.ts'

export type Action = {
  /** Of this one run of it. */
  id: string
  stage: string
  name: string
  category: ActionCategory | undefined
  /** `InProgress`, `Succeeded`, `Failed`, `Abandoned` */
  status: string
  /** What it wrote of itself; a person's word on an approval. */
  summary: string | null
  error: { code: string | null; message: string } | null
  /** Where it can be looked at: a build, a deployment. */
  url: string | null
  /** Of a build or a deployment; of an approval in a pipeline of mode PARALLEL, its token. */
  externalId: string | null
  /** An ARN. */
  by: string | null
  at: string
}

const maxPages = 20

export async function readActions(
  parts: Parts,
  { pipelineName, id }: { pipelineName: string; id: string },
  signal: AbortSignal,
): Promise<Action[]> {
  const input = { pipelineName, filter: { pipelineExecutionId: id } }
  const found: ActionExecutionDetail[] = []
  const pages = parts.aws.pages(paginateListActionExecutions, codepipelineOf(parts), input, { signal, maxPages })
  for await (const { actionExecutionDetails = [] } of pages) found.push(...actionExecutionDetails)
  return found.sort((left, right) => moment(left.startTime) - moment(right.startTime)).map(asAction)
}

const moment = (at: Date | undefined): number => at?.getTime() ?? 0

function asAction(detail: ActionExecutionDetail): Action {
  const { externalExecutionSummary, externalExecutionUrl, externalExecutionId, errorDetails } =
    detail.output?.executionResult ?? {}
  return {
    id: detail.actionExecutionId ?? '',
    stage: detail.stageName ?? '',
    name: detail.actionName ?? '',
    category: detail.input?.actionTypeId?.category,
    status: detail.status ?? 'InProgress',
    summary: externalExecutionSummary || null,
    error:
      errorDetails?.message === undefined ? null : { code: errorDetails.code ?? null, message: errorDetails.message },
    url: externalExecutionUrl || null,
    externalId: externalExecutionId || null,
    by: detail.updatedBy || null,
    at: (detail.lastUpdateTime ?? detail.startTime)?.toISOString() ?? '',
  }
}

/** `Production/Deploy` */
export const nameOf = ({ stage, name }: Pick<Action, 'stage' | 'name'>): string => `${stage}/${name}`

const words: Readonly<Record<string, string>> = {
  InProgress: 'begins',
  Succeeded: 'succeeded',
  Failed: 'failed',
  Abandoned: 'was abandoned',
}

/** `Production/Deploy failed: no space left (JobFailed); see https://…` */
export function sayAction(action: Action): string {
  const { status, error, summary, url } = action
  const code = error === null || error.code === null ? '' : ` (${error.code})`
  const why = error?.message ?? (status === 'InProgress' ? null : summary)
  const where = status === 'Failed' && url !== null ? `; see ${url}` : ''
  return `${nameOf(action)} ${words[status] ?? status}${why === null ? '' : `: ${why}`}${code}${where}`
}

/** The first that failed, and did not go well when it was tried again: what came after it failed because of it. */
export function firstFailure(actions: readonly Action[]): Action | null {
  const last = new Map(actions.map((action) => [nameOf(action), action]))
  return actions.find((action) => action.status === 'Failed' && last.get(nameOf(action)) === action) ?? null
}

/** `arn:aws:sts::123456789012:assumed-role/release/ada` is `release/ada` to people. */
export const sayPerson = (arn: string | null | undefined): string =>
  arn === null || arn === undefined || arn === ''
    ? 'somebody'
    : arn.replace(/^arn:[^:]*:[^:]*:[^:]*:[^:]*:(?:user\/|assumed-role\/)?/, '')
