/** What all of this target works with. */
import { CodePipelineClient } from '@aws-sdk/client-codepipeline'
import type { FingerprintKey } from '../../aws/fingerprint-key.ts'
import type { Aws } from '../../aws/index.ts'
import { type CodePipelineConfig, type EnvironmentName, fillIn, type ServiceName } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Parts = {
  config: CodePipelineConfig
  project: string
  environment: EnvironmentName
  aws: Aws
  clock: Clock
  key: FingerprintKey
  /** Pause between two looks at an execution; it grows. */
  lookEveryMs: number
}

export const codepipelineOf = ({ aws }: Parts): CodePipelineClient => aws.client(CodePipelineClient)

export const fill = ({ project, environment }: Parts, service: ServiceName, template: string): string =>
  fillIn(template, { project, environment, service })

export const pipelineOf = (parts: Parts, service: ServiceName): string => fill(parts, service, parts.config.pipeline)

export const sayPipeline = (name: string): string => `the pipeline ${name}`

/** The first part of its id: people find it by that. */
export const sayExecution = (id: string): string => `execution ${id.slice(0, 8)}`

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
