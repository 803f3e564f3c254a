/** Templates with what lies beside them, values of parameters, code of other services: what AWS is given in the end. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import type { CloudFormationRun } from '../../../src/model/index.ts'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { awsPython } from '../../parts/aws/programs.ts'
import {
  clientOf,
  makeBucket,
  neverAborted,
  type StacksUnderTest,
  stacksUnderTest,
  template,
} from './stacks-under-test.ts'

const execute = promisify(execFile)
/** Its program names the folder that it was installed in, which is not where it stays. */
const cfnLint = 'from cfnlint.runner import main; main()'

describe('packaged templates', { skip: awsMissing() }, () => {
  let aws: AwsPart
  let under: StacksUnderTest
  before(async () => {
    aws = await startAws()
  })
  after(() => aws?.stop())
  beforeEach(async () => {
    await aws.reset()
    await makeBucket(aws)
    under = stacksUnderTest(aws)
  })

  const keysInBucket = async () => {
    const { Contents = [] } = await clientOf(S3Client, aws).send(new ListObjectsV2Command({ Bucket: 'deployments' }))
    return Contents.map(({ Key = '' }) => Key)
  }
  const textOf = async (Key: string) => {
    const { Body } = await clientOf(S3Client, aws).send(new GetObjectCommand({ Bucket: 'deployments', Key }))
    return (await Body?.transformToString()) ?? ''
  }
  const templateOf = async (stack: string) => {
    const answer = await clientOf(CloudFormationClient, aws).send(new GetTemplateCommand({ StackName: stack }))
    return answer.TemplateBody ?? ''
  }
  const allowed = { capabilities: ['CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'] } satisfies Partial<CloudFormationRun>
  const failureOf = async (...request: Parameters<StacksUnderTest['request']>) => {
    const verdict = await under.target.ensure(await under.request(...request), under.context())
    assert.ok(!verdict.ok)
    return verdict.reasons
      .map(({ code, message, hint }) => [code, message, hint].filter(Boolean).join(' | '))
      .join('\n')
  }

  test('nested templates and code beside a template are uploaded by content, and all else of it stays as it is', async () => {
    const root = `# The shop
Resources:
  Data:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: nested/data.yaml   # beside this one
      Parameters: { Delay: !Ref Delay }
  Thumbnails:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Role: !GetAtt Runs.Arn
      Code: ../functions/thumbnails
  Runs:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: # who may be it
        Statement: [{ Effect: Allow, Action: "sts:AssumeRole", Principal: { Service: lambda.amazonaws.com } }]
Parameters:
  Delay: { Type: String, Default: 007 }
`
    const nested = `Parameters:\n  Delay: { Type: Number }\nResources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: { DelaySeconds: !Ref Delay }\n`
    const files = {
      'infra/template.yaml': root,
      'infra/nested/data.yaml': nested,
      'functions/thumbnails/index.js': 'exports.handler = async () => "small"\n',
    }
    const preview = await under.preview(await under.request('shop', files, { run: allowed }))
    assert.deepEqual(
      preview?.changes.map(({ action, subject }) => `${action} ${subject}`),
      ['add AWS::CloudFormation::Stack Data', 'add AWS::Lambda::Function Thumbnails', 'add AWS::IAM::Role Runs'],
    )
    const keys = await keysInBucket()
    const [zip = '', child = ''] = [
      keys.find((key) => key.endsWith('.zip')),
      keys.find((key) => key.endsWith('.template')),
    ]
    assert.equal(keys.length, 2)
    assert.equal(await textOf(child), nested)
    assert.match(await textOf(zip), /^PK\x03\x04[\s\S]*index\.js/)
    // The same content is not uploaded again.
    await under.preview(await under.request('shop', { ...files, 'infra/notes.md': 'other' }, { run: allowed }))
    assert.deepEqual(await keysInBucket(), keys)
    assert.deepEqual(await under.deploy(await under.request('shop', files, { run: allowed })), { ok: true })
    const sent = await templateOf('shop-stage-shop')
    const expected = root
      .replace('nested/data.yaml', JSON.stringify(`https://s3.${aws.region}.amazonaws.com/deployments/${child}`))
      .replace('../functions/thumbnails', JSON.stringify({ S3Bucket: 'deployments', S3Key: zip }))
    assert.equal(sent, expected)
  })

  test('a SAM template gets the zip of another service as the code of its function', async () => {
    // The emulator does not expand SAM: what it was given is looked at.
    const sam = `Transform: AWS::Serverless-2016-10-31
Resources:
  Resize:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Runtime: nodejs22.x
      Handler: index.handler
`
    const zip = await under.store.addZip(Buffer.from('PK-the-zip'))
    const change = { run: { ...allowed, code: { Resize: 'functions' } }, images: { Resize: zip } }
    const request = await under.request('shop', { 'infra/template.yaml': sam }, change)
    assert.deepEqual(await under.deploy(request), { ok: true })
    const [key = '', ...more] = await keysInBucket()
    assert.deepEqual(more, [])
    assert.equal(await textOf(key), 'PK-the-zip')
    assert.equal(await templateOf('shop-stage-shop'), sam.replace('CodeUri: .', `CodeUri: "s3://deployments/${key}"`))
    const without = { run: { code: { Resize: 'functions' } }, images: { Resize: zip } }
    assert.match(
      await failureOf('other', { 'infra/template.yaml': sam }, without),
      /^capability-missing \| infra\/template\.yaml makes what must be allowed by name: Requires capabilities : \[CAPABILITY_AUTO_EXPAND\] \| for example/,
    )
  })

  test('a template that is too long for a request is uploaded', async () => {
    const long = template({
      extra: `  Told:\n    Type: AWS::SNS::Topic\n    Metadata: { Why: "${'x'.repeat(60_000)}" }\n`,
    })
    assert.deepEqual(await under.deploy(await under.request('data', { 'infra/template.yaml': long })), { ok: true })
    assert.equal((await keysInBucket()).length, 1)
    const none = stacksUnderTest(aws, { bucket: null })
    const verdict = await none.target.ensure(
      await none.request('data', { 'infra/template.yaml': `${long} ` }),
      none.context(),
    )
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.message ?? '', /must be uploaded, and the target has no `bucket`/)
  })

  test('values come from files, over them from the configuration, over them from variables', async () => {
    const parameters =
      'Parameters:\n  A: { Type: String }\n  B: { Type: String }\n  C: { Type: String }\n  D: { Type: String, Default: d }\n'
    const text = `${parameters}Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: { DisplayName: !Sub "\${A}\${B}\${C}\${D}" }\nOutputs:\n  Values: { Value: !Sub "\${A} \${B} \${C} \${D}" }\n`
    const request = await under.request(
      'network',
      { 'infra/template.yaml': text },
      {
        run: {
          parameterFiles: ['infra/{environment}.json', 'infra/{environment}.yaml'],
          parameters: { B: '{environment}', C: 'fixed' },
        },
        files: {
          'infra/stage.json': '{"A": "file", "B": "file"}',
          'infra/stage.yaml': '- { ParameterKey: A, ParameterValue: 012 }',
        },
        variables: { C: 'variable' },
      },
    )
    assert.deepEqual(await under.deploy(request), { ok: true })
    const observation = await under.target.observe(['network'], neverAborted)
    assert.ok(observation.reachable)
    assert.partialDeepStrictEqual(observation.services['network'], { outputs: { Values: '012 stage variable d' } })
  })

  test('a secret goes only where nobody can read it, and changes the stack when it changes', async () => {
    const text = (noEcho: boolean) =>
      `Parameters:\n  Password: { Type: String${noEcho ? ', NoEcho: true' : ''} }\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: { DisplayName: !Ref Password }\n`
    const change = { variables: { Password: 'correct-horse' }, secrets: ['Password'] }
    assert.match(
      await failureOf('db', { 'infra/template.yaml': text(false) }, change),
      /^secret-parameter-readable \| db gives the secret Password to a parameter of infra\/template\.yaml that anyone/,
    )
    const files = { 'infra/template.yaml': text(true) }
    const request = await under.request('db', files, change)
    const preview = await under.preview(request)
    assert.ok(preview)
    assert.doesNotMatch(JSON.stringify(preview), /correct-horse/)
    assert.deepEqual(await under.target.ensure({ ...request, preview }, under.context()), { ok: true })
    assert.equal(await under.preview(request), null)
    const changed = await under.request('db', files, { ...change, variables: { Password: 'battery-staple' } })
    assert.notEqual(changed.desired.fingerprint, request.desired.fingerprint)
    assert.deepEqual(
      (await under.preview(changed))?.changes.map(({ action }) => action),
      ['change'],
    )
  })

  test('what is wrong with a description is the verdict on it, with what to do', async () => {
    const files = { 'infra/template.yaml': template() }
    const cases: Array<[Parameters<StacksUnderTest['request']>[1], Parameters<StacksUnderTest['request']>[2], RegExp]> =
      [
        [
          { 'infra/other.yaml': '' },
          {},
          /^not-in-artifact \| infra\/template\.yaml is not in the artifact \| does `include`/,
        ],
        [{ 'infra/template.yaml': 'Resources: [' }, {}, /^template-invalid \| infra\/template\.yaml is no template/],
        [{ 'infra/template.yaml': 'a: 1' }, {}, /it has no `Resources`/],
        [
          files,
          { run: { parameters: { Retenton: '1' } } },
          /^unknown-parameter \| data sets Retenton, .* \| it has Retention/,
        ],
        [
          files,
          { run: { parameterFiles: ['infra/stage.json'] } },
          /^parameter-file-missing \| infra\/stage\.json is not in/,
        ],
        [
          {
            'infra/template.yaml':
              `Parameters:\n  A: { Type: String }\n${template().replace(/[\s\S]*Resources/, 'Resources')}`.replace(
                '!Ref Retention',
                '60',
              ),
          },
          {},
          /^parameter-missing \| .* needs a value for its parameter A/,
        ],
        [
          files,
          {
            run: { code: { Messages: 'functions' } },
            images: { Messages: await under.store.addZip(Buffer.from('x')) },
          },
          /^no-such-function \| .* has no function or layer Messages/,
        ],
        [
          {
            'infra/template.yaml':
              'Resources:\n  N:\n    Type: AWS::CloudFormation::Stack\n    Properties: { TemplateURL: ../../x.yaml }\n',
          },
          {},
          /^file-outside-artifact \| N\.TemplateURL of infra\/template\.yaml is \.\.\/\.\.\/x\.yaml/,
        ],
        [
          {
            'infra/template.yaml':
              'Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties: { AssumeRolePolicyDocument: {} }\n',
          },
          {},
          /^capability-missing/,
        ],
      ]
    for (const [given, change, expected] of cases) assert.match(await failureOf('data', given, change ?? {}), expected)
  })

  test('drift is shown for each property, when it is asked for', async () => {
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    assert.deepEqual(await under.target.findDrift?.(['data'], neverAborted), [])
    const resource = { LogicalResourceId: 'Messages', ResourceType: 'AWS::SQS::Queue' }
    const difference = {
      PropertyPath: '/DelaySeconds',
      ExpectedValue: '5',
      ActualValue: '90',
      DifferenceType: 'NOT_EQUAL',
    }
    await aws.wish('cloudformation', {
      drift: [
        { ...resource, StackResourceDriftStatus: 'MODIFIED', PropertyDifferences: [difference] },
        { LogicalResourceId: 'Orders', ResourceType: 'AWS::DynamoDB::Table', StackResourceDriftStatus: 'DELETED' },
      ],
    })
    assert.deepEqual(await under.target.findDrift?.(['data'], neverAborted), [
      {
        service: 'data',
        subject: 'AWS::SQS::Queue Messages of shop-stage-data',
        fields: [{ path: 'DelaySeconds', expected: 5, actual: 90, by: null }],
      },
      { service: 'data', subject: 'AWS::DynamoDB::Table Orders of shop-stage-data', fields: [] },
    ])
  })

  test('drift is put back where that is asked for, by a change set that says so, and once', async () => {
    const request = await under.request('data', { 'infra/template.yaml': template() })
    await under.deploy(request)
    const difference = {
      PropertyPath: '/DelaySeconds',
      ExpectedValue: '5',
      ActualValue: '90',
      DifferenceType: 'NOT_EQUAL',
    }
    const resource = {
      LogicalResourceId: 'Messages',
      ResourceType: 'AWS::SQS::Queue',
      StackResourceDriftStatus: 'MODIFIED',
    }
    await aws.wish('cloudformation', { drift: [{ ...resource, PropertyDifferences: [difference] }] })
    for (const [turn, changes] of [/AWS::SQS::Queue Messages UPDATE_COMPLETE/, /nothing to change/].entries()) {
      const context = under.context()
      assert.deepEqual(await under.target.ensure({ ...request, isRepair: true }, context), { ok: true })
      assert.match(context.lines.join('\n'), changes, `turn ${turn}`)
    }
    assert.deepEqual(await under.target.findDrift?.(['data'], neverAborted), [])
    assert.deepEqual(await under.target.verify(request, under.context()), { ok: true })
  })

  test('what exists already is taken over where the configuration says so', async () => {
    await aws.wish('cloudformation', { existing: ['Orders'] })
    const files = { 'infra/template.yaml': template() }
    const preview = await under.preview(await under.request('data', files, { run: { importExisting: true } }))
    assert.deepEqual(
      preview?.changes.map(({ action, subject }) => `${action} ${subject}`),
      ['add AWS::SQS::Queue Messages', 'import AWS::DynamoDB::Table Orders'],
    )
  })

  test('the events of a stack are what it has to say', async () => {
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    const lines: string[] = []
    for await (const { instance, text } of under.target.logs(
      { service: 'data', lines: 3, follow: false },
      neverAborted,
    )) {
      lines.push(`${instance} ${text}`)
    }
    assert.deepEqual(lines, [
      'shop-stage-data AWS::DynamoDB::Table Orders CREATE_IN_PROGRESS',
      'shop-stage-data AWS::DynamoDB::Table Orders CREATE_COMPLETE',
      'shop-stage-data AWS::CloudFormation::Stack shop-stage-data CREATE_COMPLETE',
    ])
  })

  test('the templates of these tests are what cfn-lint calls right', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-lint-'))
    try {
      const file = join(folder, 'template.yaml')
      await writeFile(file, template({ keep: true }))
      await execute(awsPython(), ['-c', cfnLint, '--region', 'eu-west-1', '--', file], { timeout: 120_000 })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
