/** The account of AWS that the story plays in, an emulator's, and what a person would look up in its console. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Capability,
  CloudFormationClient,
  CreateChangeSetCommand,
  DescribeChangeSetCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation'
import {
  BatchGetDeploymentsCommand,
  BatchGetDeploymentTargetsCommand,
  CodeDeployClient,
  type DeploymentInfo,
  type InstanceTarget,
  ListDeploymentsCommand,
  ListDeploymentTargetsCommand,
} from '@aws-sdk/client-codedeploy'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type Aws, openAws } from '../../../aws/index.ts'
import { systemClock } from '../../../clock/index.ts'
import type { LabAws } from '../../lab.ts'
import { expect } from '../../story.ts'

/** As the example has it. */
export const region = 'ap-southeast-2'

export type Account = {
  readonly lab: LabAws
  /** One stack from a template at an address, as one click in the console would make it; answers its outputs. */
  makeStack(name: string, url: string, parameters?: Record<string, string>): Promise<Record<string, string>>
  /** Puts a template where CloudFormation reads it; answers its address. */
  publish(name: string, template: string): Promise<string>
  stacks(): Promise<Stack[]>
  /** Of one environment's group, oldest first. */
  deployments(environment: string): Promise<DeploymentInfo[]>
  /** In the order in which they were deployed to. */
  instances(deployment: DeploymentInfo): Promise<InstanceTarget[]>
  /** Where instances answer, of those that CodeDeploy's agent has deployed to; the newest word counts. */
  pages(environment: string): Promise<Array<{ instance: string; url: string }>>
  close(): Promise<void>
}

const patienceMs = 60_000
const templateBucket = 'templates-of-the-example'

export async function openAccount(lab: LabAws, folder: string): Promise<Account> {
  const aws = openAws(
    { region, account: null, role: null, endpoint: lab.endpoint, profile: null },
    { variables: lab.environment, clock: systemClock },
  )
  const options = () => ({ signal: AbortSignal.timeout(patienceMs) })
  await runsScripts(lab, folder, options().signal)
  await makeBucket(aws, options())
  const codedeploy = aws.client(CodeDeployClient)
  const cloudformation = aws.client(CloudFormationClient)

  async function stacks(): Promise<Stack[]> {
    const { Stacks = [] } = await aws.send(cloudformation, new DescribeStacksCommand({}), options())
    return Stacks.filter(({ StackStatus }) => StackStatus !== 'REVIEW_IN_PROGRESS')
  }

  return {
    lab,
    stacks,
    async publish(name, template) {
      const object = new PutObjectCommand({ Bucket: templateBucket, Key: name, Body: template })
      await aws.send(aws.client(S3Client), object, options())
      return `https://${templateBucket}.s3.${region}.amazonaws.com/${name}`
    },
    async makeStack(name, url, parameters = {}) {
      const capabilities: Capability[] = ['CAPABILITY_NAMED_IAM']
      const create = new CreateChangeSetCommand({
        ...{ StackName: name, ChangeSetName: 'create', ChangeSetType: 'CREATE', TemplateURL: url },
        Capabilities: capabilities,
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
    async deployments(environment) {
      const group = { applicationName: `ec2-fleet-${environment}`, deploymentGroupName: environment }
      const { deployments: deploymentIds = [] } = await aws.send(
        codedeploy,
        new ListDeploymentsCommand(group),
        options(),
      )
      if (deploymentIds.length === 0) return []
      const get = new BatchGetDeploymentsCommand({ deploymentIds })
      const { deploymentsInfo = [] } = await aws.send(codedeploy, get, options())
      const moment = ({ createTime }: DeploymentInfo) => createTime?.getTime() ?? 0
      return deploymentsInfo.sort((left, right) => moment(left) - moment(right))
    },
    async instances({ deploymentId }) {
      const list = new ListDeploymentTargetsCommand({ deploymentId })
      const { targetIds = [] } = await aws.send(codedeploy, list, options())
      const get = new BatchGetDeploymentTargetsCommand({ deploymentId, targetIds })
      const { deploymentTargets = [] } = await aws.send(codedeploy, get, options())
      return deploymentTargets.flatMap(({ instanceTarget }) => instanceTarget ?? [])
    },
    async pages(environment) {
      const found = new Map<string, string>()
      for (const fact of await told(lab, options().signal)) {
        if (fact.serves !== undefined && fact.group === environment) {
          found.set(fact.serves, `http://127.0.0.1:${fact.port}/`)
        }
      }
      return [...found].map(([instance, url]) => ({ instance, url }))
    },
    async close() {
      const limit = AbortSignal.timeout(patienceMs)
      const homes = new Set((await told(lab, limit).catch(() => [])).flatMap(({ home }) => home ?? []))
      for (const home of homes) await endRehearsed(join(home, 'web'))
      await aws.close()
    },
  }
}

async function makeBucket(aws: Aws, options: { signal: AbortSignal }): Promise<void> {
  const CreateBucketConfiguration = { LocationConstraint: region } as const
  const create = new CreateBucketCommand({ Bucket: templateBucket, CreateBucketConfiguration })
  await aws.send(aws.client(S3Client), create, options)
}

/** What the emulator is told beside AWS's own API: its instances are folders, and run the scripts of `appspec.yml`. */
async function runsScripts({ endpoint }: LabAws, folder: string, signal: AbortSignal): Promise<void> {
  const variables = { WEB_HOME: '{home}', WEB_PORT: '{port}' }
  const body = JSON.stringify({ agent: { folder, variables } })
  const { ok } = await fetch(`${endpoint}/moto-api/plus/codedeploy`, { method: 'POST', body, signal })
  expect(ok, 'the instances of the emulator run scripts')
}

type Told = { serves?: string; group?: string; port?: number; home?: string }

async function told({ endpoint }: LabAws, signal: AbortSignal): Promise<Told[]> {
  const answer = await fetch(`${endpoint}/moto-api/plus/codedeploy`, { signal })
  return ((await answer.json()) as { told: Told[] }).told // test/parts/aws/plus/codedeploy_agent.py
}

/** Ends what the scripts of the example have started in a folder, by its pid. */
export async function endRehearsed(folder: string): Promise<void> {
  const pid = Number(await readFile(join(folder, 'web.pid'), 'utf8').catch(() => '0'))
  if (!Number.isInteger(pid) || pid <= 0) return
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
