/** What a real CDK app synthesizes: its stacks in order, with their assets. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { prepareCdk, synthesize } from '../../parts/aws/cdk.ts'
import { awsPython } from '../../parts/aws/programs.ts'
import { clientOf, makeBucket, neverAborted, type StacksUnderTest, stacksUnderTest } from './stacks-under-test.ts'

const execute = promisify(execFile)
/** Its program names the folder that it was installed in, which is not where it stays. */
const cfnLint = 'from cfnlint.runner import main; main()'

const app = (delay: number) => `
const { App, Stack, Duration, CfnOutput, aws_lambda: lambda, aws_sqs: sqs, aws_sns: sns } = require('aws-cdk-lib')
const app = new App({ outdir: 'cdk.out' })
const data = new Stack(app, 'ShopData')
const queue = new sqs.Queue(data, 'Orders', { deliveryDelay: Duration.seconds(${delay}) })
const web = new Stack(app, 'ShopWeb', { tags: { team: 'shop' } })
const resize = new lambda.Function(web, 'Resize', {
  runtime: lambda.Runtime.NODEJS_22_X,
  handler: 'index.handler',
  code: lambda.Code.fromAsset('function'),
  environment: { QUEUE: queue.queueUrl },
})
new CfnOutput(web, 'FunctionName', { value: resize.functionName })
new Stack(app, 'Unrelated')
new sns.Topic(app.node.findChild('Unrelated'), 'Topic')
app.synth()
`

const assets = 'cdk-hnb659fds-assets-123456789012-eu-west-1'
const run = { source: { kind: 'cdk', assembly: 'cdk.out', stack: 'ShopWeb' } } as const
const allowed = { capabilities: ['CAPABILITY_IAM'] }

describe('stacks of a CDK app', { skip: awsMissing() }, () => {
  let aws: AwsPart
  let under: StacksUnderTest
  let folder = ''
  let cdk: string | null = null
  let first: Record<string, string> = {}
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trunkline-cdk-'))
    cdk = await prepareCdk().catch((error: unknown) => {
      // Without a registry, as on a train.
      if (process.env['CI'] === 'true') throw error
      return null
    })
    aws = await startAws()
    await makeBucket(aws, assets)
    const bootstrap = { Name: '/cdk-bootstrap/hnb659fds/version', Value: '21', Type: 'String' as const }
    await clientOf(SSMClient, aws).send(new PutParameterCommand(bootstrap))
    under = stacksUnderTest(aws, { bucket: null })
  })
  after(async () => {
    await rm(folder, { recursive: true, force: true })
    await aws?.stop()
  })

  async function assembly(delay: number): Promise<Record<string, string>> {
    const directory = join(folder, String(delay))
    await mkdir(join(directory, 'function'), { recursive: true })
    await writeFile(join(directory, 'function', 'index.js'), 'exports.handler = async () => "small"\n')
    await synthesize(cdk ?? '', directory, app(delay))
    const files: Record<string, string> = {}
    for (const entry of await readdir(join(directory, 'cdk.out'), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile()) files[path.slice(directory.length + 1)] = await readFile(path, 'utf8')
    }
    return files
  }

  test('the named stack comes after those it depends on, with its assets, and others are left alone', async (context) => {
    if (cdk === null) return context.skip('aws-cdk-lib cannot be installed here')
    first = await assembly(5)
    const request = await under.request('web', first, { run: { ...run, ...allowed } })
    const preview = await under.preview(request)
    assert.ok(preview)
    const shown = preview.changes.map(({ action, subject }) => `${action} ${subject.replace(/[0-9A-F]{8}$/, '')}`)
    assert.deepEqual(
      shown.filter((line) => !line.includes('CDKMetadata')),
      [
        'add ShopData: AWS::SQS::Queue Orders',
        'add ShopWeb: AWS::IAM::Role ResizeServiceRole',
        'add ShopWeb: AWS::Lambda::Function Resize',
      ],
    )
    // What the second imports is not there yet.
    assert.deepEqual(preview.changes.at(-1)?.because, ['when the stacks before it are there'])
    const lines = under.context()
    assert.deepEqual(await under.target.ensure({ ...request, preview }, lines), { ok: true })
    const order = lines.lines.filter((line) => /Stack Shop\w+ CREATE_COMPLETE$/.test(line))
    assert.deepEqual(order, [
      'AWS::CloudFormation::Stack ShopData CREATE_COMPLETE',
      'AWS::CloudFormation::Stack ShopWeb CREATE_COMPLETE',
    ])
    const s3 = clientOf(S3Client, aws)
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: assets }))
    const zip = Contents.map(({ Key }) => Key).find((key) => key?.endsWith('.zip'))
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: assets, Key: zip }))
    assert.match((await Body?.transformToString('latin1')) ?? '', /^PK\x03\x04[\s\S]*index\.js/)
    const observation = await under.target.observe(['web'], neverAborted)
    assert.ok(observation.reachable)
    assert.match(observation.services['web']?.outputs?.['FunctionName'] ?? '', /Resize/)
    assert.equal(observation.services['web']?.instances.desired, 2)
    assert.equal(await under.preview(request), null)
  })

  test('what it synthesizes passes cfn-lint', async (context) => {
    if (cdk === null) return context.skip('aws-cdk-lib cannot be installed here')
    const directory = join(folder, '5', 'cdk.out')
    const templates = (await readdir(directory)).filter((file) => file.endsWith('.template.json'))
    assert.equal(templates.length, 3, `${templates}`)
    const linted = execute(awsPython(), ['-c', cfnLint, '--non-zero-exit-code', 'error', ...templates], {
      cwd: directory,
    })
    await linted.catch(({ stdout }: { stdout: string }) => assert.fail(stdout))
  })

  test('a change in one stack changes that one', async (context) => {
    if (cdk === null) return context.skip('aws-cdk-lib cannot be installed here')
    const request = await under.request('web', await assembly(9), { run: { ...run, ...allowed } })
    const preview = await under.preview(request)
    assert.deepEqual(
      preview?.changes.map(({ action, subject, because }) => [action, subject.replace(/[0-9A-F]{8}$/, ''), because]),
      [['change', 'ShopData: AWS::SQS::Queue Orders', ['DelaySeconds: 5 → 9']]],
    )
    assert.deepEqual(await under.deploy(request), { ok: true })
  })

  test('a stack that the app does not have is named with those that it has', async (context) => {
    if (cdk === null) return context.skip('aws-cdk-lib cannot be installed here')
    const source = { ...run.source, stack: 'ShopWep' }
    const request = await under.request('web', first, { run: { source, ...allowed } })
    const verdict = await under.target.ensure(request, under.context())
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.hint ?? '', /ShopData, ShopWeb, Unrelated/)
  })
})
