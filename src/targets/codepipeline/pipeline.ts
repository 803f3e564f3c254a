/** A pipeline as it is defined: what it takes, how it goes, and what starts it besides us. */
import {
  type ActionCategory,
  type ActionDeclaration,
  type ExecutionMode,
  GetPipelineCommand,
  type PipelineDeclaration,
} from '@aws-sdk/client-codepipeline'
import type { ServiceName } from '../../model/index.ts'
import { codepipelineOf, type Parts, pipelineOf } from './parts.ts'

export type SourceKind = 's3' | 'ecr' | 'git' | 'other'

export type Source = {
  action: string
  kind: SourceKind
  /** `CodeStarSourceConnection` */
  provider: string
  configuration: Readonly<Record<string, string>>
  /** Whether it starts executions by itself when what it looks at changes. */
  isWatching: boolean
}

export type Stage = {
  name: string
  actions: ReadonlyArray<{ name: string; category: ActionCategory | undefined }>
  /** Goes back by itself to what last went well in it. */
  rollsBack: boolean
  /** Tries again by itself, once. */
  retries: boolean
}

export type Pipeline = {
  name: string
  isV2: boolean
  mode: ExecutionMode
  variables: ReadonlyArray<{ name: string; hasDefault: boolean }>
  sources: Source[]
  stages: Stage[]
  /** `Production/Release` */
  approvals: string[]
}

/** null: there is none. */
export async function readPipeline(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Pipeline | null> {
  const { aws } = parts
  const command = new GetPipelineCommand({ name: pipelineOf(parts, service) })
  try {
    const { pipeline } = await aws.send(codepipelineOf(parts), command, { signal })
    return pipeline === undefined ? null : asPipeline(pipeline)
  } catch (error) {
    if (aws.isError(error, 'PipelineNotFoundException')) return null
    throw error
  }
}

export function asPipeline(declared: PipelineDeclaration): Pipeline {
  const { name = '', pipelineType, executionMode = 'SUPERSEDED', variables = [], stages = [], triggers } = declared
  const isV2 = pipelineType === 'V2'
  const triggered = new Set((triggers ?? []).map(({ gitConfiguration }) => gitConfiguration?.sourceActionName))
  const actions = stages.flatMap((stage) => stage.actions ?? [])
  return {
    ...{ name, isV2, mode: executionMode },
    variables: variables.map((variable) => ({
      name: variable.name ?? '',
      hasDefault: variable.defaultValue !== undefined,
    })),
    sources: actions
      .filter(({ actionTypeId }) => actionTypeId?.category === 'Source')
      .map((action) => asSource(action, triggered.has(action.name))),
    stages: stages.map((stage) => ({
      name: stage.name ?? '',
      actions: (stage.actions ?? []).map((action) => ({
        name: action.name ?? '',
        category: action.actionTypeId?.category,
      })),
      rollsBack: stage.onFailure?.result === 'ROLLBACK',
      retries: stage.onFailure?.result === 'RETRY',
    })),
    approvals: stages.flatMap((stage) =>
      (stage.actions ?? [])
        .filter(({ actionTypeId }) => actionTypeId?.category === 'Approval')
        .map((action) => `${stage.name}/${action.name}`),
    ),
  }
}

/** https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-trigger-source-overrides.html */
const kinds: Readonly<Record<string, SourceKind>> = {
  S3: 's3',
  ECR: 'ecr',
  CodeCommit: 'git',
  CodeStarSourceConnection: 'git',
}

function asSource({ name = '', actionTypeId, configuration = {} }: ActionDeclaration, isTriggered: boolean): Source {
  const provider = actionTypeId?.provider ?? ''
  const kind = actionTypeId?.owner === 'AWS' ? (kinds[provider] ?? 'other') : 'other'
  return { action: name, kind, provider, configuration, isWatching: isTriggered || watches(provider, configuration) }
}

/** Both are true where they are not said. That an event of EventBridge starts it, a pipeline does not say. */
function watches(provider: string, configuration: Readonly<Record<string, string>>): boolean {
  if (provider === 'S3' || provider === 'CodeCommit') return configuration['PollForSourceChanges'] !== 'false'
  if (provider === 'CodeStarSourceConnection') return configuration['DetectChanges'] !== 'false'
  return false
}

/** Those that are given the release; the others bring what is newest. */
export function sourcesOf({ config }: Parts, { sources }: Pipeline): { given: Source[]; left: Source[] } {
  const isGiven = ({ action }: Source) => config.sources === null || config.sources.includes(action)
  return { given: sources.filter(isGiven), left: sources.filter((source) => !isGiven(source)) }
}

/** Whether the target may pass it: by its name, or by its stage's and its own. */
export const mayPass = ({ config }: Parts, stage: string, action: string): boolean =>
  config.approvals.some((name) => name === action || name === `${stage}/${action}`)

/**
 * Actions that change what runs: those that deploy; where there are none, all that are not there to fetch, to test or to
 * ask (CodeBuild deploys as well).
 */
export function changes({ stages }: Pipeline): (category: ActionCategory | undefined) => boolean {
  const hasDeploys = stages.some(({ actions }) => actions.some(({ category }) => category === 'Deploy'))
  return (category) =>
    hasDeploys
      ? category === 'Deploy' || category === 'Invoke'
      : category !== 'Source' && category !== 'Test' && category !== 'Approval'
}
