/** What all of this target works with. */
import { ECSClient } from '@aws-sdk/client-ecs'
import type { FingerprintKey } from '../../aws/fingerprint-key.ts'
import type { Aws } from '../../aws/index.ts'
import { type EcsConfig, type EnvironmentName, fillIn, type ServiceName } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Parts = {
  config: EcsConfig
  project: string
  environment: EnvironmentName
  aws: Aws
  clock: Clock
  key: FingerprintKey
  /** Pause between two looks at a deployment; it grows. */
  lookEveryMs: number
}

export const ecsOf = ({ aws }: Parts): ECSClient => aws.client(ECSClient)

export const fill = ({ project, environment }: Parts, service: ServiceName, template: string): string =>
  fillIn(template, { project, environment, service })

export const clusterOf = (parts: Parts, service: ServiceName): string => fill(parts, service, parts.config.cluster)

export const familyOf = (parts: Parts, service: ServiceName): string => fill(parts, service, parts.config.family)

export const saySelf = (parts: Parts, service: ServiceName): string =>
  `the service ${fill(parts, service, parts.config.service)} of the cluster ${clusterOf(parts, service)}`

/** `shop-prod-web:7` */
export const sayDefinition = (arn: string | undefined): string => (arn ?? 'nothing').replace(/^.*task-definition\//, '')
