/** An account of AWS in the lab, as a person with its console would use it before anything is delivered there. */
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DescribeChangeSetCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type Aws, openAws } from '../../aws/index.ts'
import { systemClock } from '../../clock/index.ts'
import type { LabAws } from '../lab.ts'
import { expect } from '../story.ts'

export type LabAccount = {
  readonly aws: Aws
  /** For each call: it is bounded. */
  options(): { signal: AbortSignal }
  /** Puts a template where CloudFormation reads it; answers its address. */
  publish(name: string, template: string): Promise<string>
  /** One stack from a template at an address, as one click in the console would make it; answers its outputs. */
  makeStack(name: string, url: string, parameters?: Record<string, string>): Promise<Record<string, string>>
  stacks(): Promise<Stack[]>
}

const patienceMs = 60_000
const templateBucket = 'templates-of-the-example'

export async function openLabAccount(lab: LabAws, region: string): Promise<LabAccount> {
  const aws = openAws(
    { region, account: null, role: null, endpoint: lab.endpoint, profile: null },
    { variables: lab.environment, clock: systemClock },
  )
  const options = () => ({ signal: AbortSignal.timeout(patienceMs) })
  const cloudformation = aws.client(CloudFormationClient)
  await makeBucket(aws, region, options())

  async function stacks(): Promise<Stack[]> {
    const { Stacks = [] } = await aws.send(cloudformation, new DescribeStacksCommand({}), options())
    return Stacks.filter(({ StackStatus }) => StackStatus !== 'REVIEW_IN_PROGRESS')
  }

  return {
    ...{ aws, options, stacks },
    async publish(name, template) {
      const object = new PutObjectCommand({ Bucket: templateBucket, Key: name, Body: template })
      await aws.send(aws.client(S3Client), object, options())
      return `https://${templateBucket}.s3.${region}.amazonaws.com/${name}`
    },
    async makeStack(name, url, parameters = {}) {
      const create = new CreateChangeSetCommand({
        ...{ StackName: name, ChangeSetName: 'create', ChangeSetType: 'CREATE', TemplateURL: url },
        Capabilities: ['CAPABILITY_NAMED_IAM'],
        Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
      })
      const { Id } = await aws.send(cloudformation, create, options())
      await aws.send(cloudformation, new DescribeChangeSetCommand({ ChangeSetName: Id }), options())
      await aws.send(cloudformation, new ExecuteChangeSetCommand({ ChangeSetName: Id }), options())
      const made = (await stacks()).find(({ StackName }) => StackName === name)
      expect(made?.StackStatus === 'CREATE_COMPLETE', `the stack ${name} is made, not ${made?.StackStatus}`)
      return Object.fromEntries(
        (made.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue ?? '']),
      )
    },
  }
}

async function makeBucket(aws: Aws, region: string, options: { signal: AbortSignal }): Promise<void> {
  // Outside us-east-1 a bucket is told where it is.
  const CreateBucketConfiguration = { LocationConstraint: region } as { LocationConstraint: 'eu-west-1' }
  const create = new CreateBucketCommand({ Bucket: templateBucket, CreateBucketConfiguration })
  await aws.send(aws.client(S3Client), create, options)
}
