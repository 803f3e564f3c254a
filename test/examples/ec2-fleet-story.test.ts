/**
 * The fleet's example as its reader has it, by the command line: rehearsed on this machine, then from a push to production
 * over the emulator of AWS. Of its stacks the network alone is carried out there: the emulator's PostgreSQL, Redis, firewall
 * and load balancer do not give what the templates `data`, `edge`, `fleet` and `watch` take from each other, so CodeDeploy's
 * group is made here as `fleet` describes it. On instances nothing runs: the scripts run in the rehearsal, and the emulator
 * plays their lifecycle. A NAT gateway is made and never deleted, which the emulator could not do.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import {
  BatchGetDeploymentsCommand,
  CodeDeployClient,
  CreateApplicationCommand,
  CreateDeploymentGroupCommand,
  type DeploymentInfo,
  ListDeploymentsCommand,
} from '@aws-sdk/client-codedeploy'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { parseDocument } from 'yaml'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { freePort } from '../parts/local-server.ts'
import { openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { exampleFiles, registryVariables } from './example-files.ts'

const folder = fileURLToPath(new URL('../../examples/ec2-fleet', import.meta.url))
const region = 'ap-southeast-2'
const notPlayed = ['data', 'edge', 'fleet', 'watch']
const tools = () => ({ ...registryVariables(), PATH: `${dirname(process.execPath)}:${process.env['PATH']}` })

test('the fleet is rehearsed, and goes from a push to staging and, once approved, to production with the same bytes', {
  skip: awsMissing(),
  timeout: 1_800_000,
}, async (t) => {
  const files = Object.fromEntries(await exampleFiles(folder))
  const rehearsed = await rehearse(files)

  const aws = await startAws()
  t.after(() => aws.stop())
  await aws.wish('codedeploy', { at_once: true, instances: ['i-0a1', 'i-0b2'] })
  await aws.wish('cloudformation', { at_once: true })
  const account = await openAccount(aws)
  t.after(() => account.close())
  await using project = await openProject({
    files: withModes({ ...files, 'trunkline.yaml': fitted(files['trunkline.yaml'] ?? '', aws) }),
    environment: { ...aws.environment, ...tools(), TRUNKLINE_VERBOSE: '1' },
  })

  const delivered = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(delivered.exitCode, 0, delivered.stdout + delivered.stderr)
  assert.deepEqual(await account.stacks(), ['ec2-fleet-staging-network CREATE_COMPLETE'])
  const [first] = await account.deployments('staging')
  assert.deepEqual([first?.status, first?.deploymentConfigName], ['Succeeded', 'CodeDeployDefault.OneAtATime'])
  for (const instance of ['i-0a1', 'i-0b2']) {
    assert.match(delivered.stderr, new RegExp(`${instance}: ValidateService succeeded`, 'i'))
  }
  assert.deepEqual(await account.deployments('production'), [], 'a person is asked first')

  const approved = await project.trunkline(['approve', 'production'])
  assert.equal(approved.exitCode, 0, approved.stdout + approved.stderr)
  const [promoted] = await account.deployments('production')
  assert.equal(promoted?.status, 'Succeeded')
  assert.deepEqual(promoted?.revision, first?.revision, 'the very object')
  assert.equal(await artifactIn(project, 'production'), await artifactIn(project, 'staging'))
  assert.equal(await artifactIn(project, 'production'), rehearsed, 'the bundle that was rehearsed')

  await aws.wish('codedeploy', { fails: { instance: 'i-0a1', event: 'ValidateService' } })
  const page = files['app/src/page.ts'] ?? ''
  await project.push('break', { 'app/src/page.ts': page.replaceAll('Hello from the fleet', 'Goodbye') })
  const failed = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(failed.exitCode, 1, failed.stdout + failed.stderr)
  assert.match(failed.stdout + failed.stderr, /i-0a1: ValidateService failed/)
  const deployments = await account.deployments('staging')
  assert.deepEqual(
    deployments.map(({ status }) => status),
    ['Succeeded', 'Failed', 'Succeeded'],
  )
  assert.deepEqual(deployments.at(-1)?.revision, first?.revision, 'what ran before is back')
  assert.equal((await account.deployments('production')).length, 1)
})

/** By the example's own scripts, on this machine; answers the bundle's digest. */
async function rehearse(files: Record<string, string>): Promise<string> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-fleet-')))
  const port = await freePort()
  try {
    await using project = await openProject({
      files: withModes({ ...files, 'trunkline.yaml': files['trunkline.rehearsal.yaml'] ?? '' }),
      environment: { ...tools(), REHEARSAL_WEB_HOME: home, REHEARSAL_WEB_PORT: String(port) },
    })
    const ended = await project.trunkline(['deliver', '--ref', 'main'])
    assert.equal(ended.exitCode, 0, ended.stdout + ended.stderr)
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text()
    assert.match(page, /with release d-\w+.*\n.*You are visitor 1\./)
    return await artifactIn(project, 'rehearsal')
  } finally {
    const pid = Number(await readFile(join(home, 'web.pid'), 'utf8').catch(() => '0'))
    if (pid > 0) process.kill(pid, 'SIGTERM')
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function artifactIn(project: ProjectUnderTest, environment: string): Promise<string> {
  const { environments } = await project.json<StatusDocument>(0, ['status', environment])
  const web = environments[0]?.services.find(({ name }) => name === 'web')
  assert.ok(web?.artifact, `web runs in ${environment}`)
  return web.artifact
}

/** Scripts may be run, as they are in the repository. */
const withModes = (files: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(files).map(([path, content]) =>
      /^deploy\/.*\.sh$/.test(path) ? [path, { content, executable: path !== 'deploy/common.sh' }] : [path, content],
    ),
  )

/** The example's configuration for the emulator: its account, and the stacks that can be played. */
function fitted(shipped: string, { account, endpoint }: AwsPart): string {
  const document = parseDocument(shipped.replaceAll('111122223333', account))
  document.setIn(['aws', 'endpoint'], endpoint)
  for (const service of notPlayed) assert.ok(document.deleteIn(['services', service]), service)
  document.setIn(['services', 'web', 'deployAfter'], ['network'])
  return document.toString({ lineWidth: 0 })
}

/** What infra/bootstrap.yaml and infra/fleet.yaml would have made, and what is seen of a delivery there. */
async function openAccount({ account, endpoint, environment }: AwsPart) {
  const credentials = {
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
  }
  const options = { endpoint, region, credentials }
  const s3 = new S3Client({ ...options, forcePathStyle: true })
  const codedeploy = new CodeDeployClient(options)
  const cloudformation = new CloudFormationClient(options)
  const CreateBucketConfiguration = { LocationConstraint: region } as const
  await s3.send(new CreateBucketCommand({ Bucket: `ec2-fleet-artifacts-${account}`, CreateBucketConfiguration }))
  for (const name of ['staging', 'production']) {
    const applicationName = `ec2-fleet-${name}`
    await codedeploy.send(new CreateApplicationCommand({ applicationName, computePlatform: 'Server' }))
    await codedeploy.send(
      new CreateDeploymentGroupCommand({
        ...{ applicationName, deploymentGroupName: name, serviceRoleArn: `arn:aws:iam::${account}:role/codedeploy` },
        deploymentStyle: { deploymentType: 'IN_PLACE', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
        loadBalancerInfo: { targetGroupInfoList: [{ name: applicationName }] },
      }),
    )
  }
  return {
    /** Oldest first. */
    async deployments(name: string): Promise<DeploymentInfo[]> {
      const group = { applicationName: `ec2-fleet-${name}`, deploymentGroupName: name }
      const { deployments: deploymentIds = [] } = await codedeploy.send(new ListDeploymentsCommand(group))
      if (deploymentIds.length === 0) return []
      const { deploymentsInfo = [] } = await codedeploy.send(new BatchGetDeploymentsCommand({ deploymentIds }))
      const moment = ({ createTime }: DeploymentInfo) => createTime?.getTime() ?? 0
      return deploymentsInfo.sort((left, right) => moment(left) - moment(right))
    },
    async stacks(): Promise<string[]> {
      const { Stacks = [] } = await cloudformation.send(new DescribeStacksCommand({}))
      return Stacks.flatMap(({ StackName, StackStatus }) =>
        StackStatus === 'REVIEW_IN_PROGRESS' ? [] : [`${StackName} ${StackStatus}`],
      )
    },
    close() {
      for (const client of [s3, codedeploy, cloudformation]) client.destroy()
    },
  }
}
