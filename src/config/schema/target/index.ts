/** Platforms under an environment: the one map of their schemas. */
import * as z from 'zod'
import type { TargetConfig } from '../../../model/index.ts'
import { exactlyOne, type LaterWords, object } from '../shapes.ts'
import { cloudformationSchema } from './cloudformation.ts'
import { codedeploySchema } from './codedeploy.ts'
import { codepipelineSchema } from './codepipeline.ts'
import { ecsSchema } from './ecs.ts'
import { fleetSchema } from './fleet.ts'
import { gitopsSchema } from './gitops.ts'
import { kubernetesSchema } from './kubernetes.ts'
import { lambdaSchema } from './lambda.ts'
import { siteSchema } from './site.ts'
import { terraformSchema } from './terraform.ts'

/** To add a target: its schema in a file beside this one, ending in its `TargetConfig`, and a line here. */
const targetSchemas = {
  fleet: fleetSchema.optional().describe('Processes on hosts, behind a router.'),
  kubernetes: kubernetesSchema.optional().describe('A cluster that Trunkline applies to itself.'),
  gitops: gitopsSchema.optional().describe('A manifest repository, for Argo CD and Flux.'),
  lambda: lambdaSchema.optional().describe('Functions of AWS Lambda.'),
  cloudformation: cloudformationSchema.optional().describe('Stacks of AWS CloudFormation.'),
  terraform: terraformSchema.optional().describe('Infrastructure that Terraform or OpenTofu applies.'),
  codedeploy: codedeploySchema.optional().describe('Virtual machines, through AWS CodeDeploy.'),
  codepipeline: codepipelineSchema.optional().describe('What a pipeline of AWS CodePipeline deploys.'),
  site: siteSchema.optional().describe('Static sites in S3, behind CloudFront.'),
  ecs: ecsSchema.optional().describe('Services of AWS ECS, on Fargate or on instances.'),
}

const kinds = Object.keys(targetSchemas)

const later: LaterWords = {
  noun: 'target',
  words: ['cloudrun'],
  available: kinds,
}

export const targetSchema = object(targetSchemas, {
  later,
  expected: 'a mapping such as `{ fleet: { hosts: [local] } }`',
})
  .superRefine(exactlyOne('target', kinds))
  .meta({
    id: 'Target',
    title: 'Target',
    description: 'A platform, by its kind: exactly one of these.',
    minProperties: 1,
    maxProperties: 1,
  })
  .transform((given): TargetConfig => Object.values(given).find((target) => target !== undefined) ?? z.NEVER)
