import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { CodeDeployClient, GetDeploymentCommand, ListApplicationsCommand } from '@aws-sdk/client-codedeploy'
import { GetAliasCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda'
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { PutParameterCommand, paginateGetParametersByPath, SSMClient } from '@aws-sdk/client-ssm'
import { assertIdentity } from '../../src/aws/account.ts'
import { type Aws, openAws } from '../../src/aws/index.ts'
import type { AwsAccess, TrunklineError } from '../../src/model/index.ts'
import type { Clock } from '../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../parts/aws/faults.ts'

const inTime = () => AbortSignal.timeout(60_000)

/** Time that passes by being slept. */
function quickClock(): Clock & { slept: number[] } {
  const slept: number[] = []
  let ms = 0
  return {
    slept,
    now: () => Date.now(),
    monotonicMs: () => ms,
    async sleep(duration, signal) {
      signal.throwIfAborted()
      slept.push(duration)
      ms += duration
    },
  }
}

describe('calls to AWS', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let clock: ReturnType<typeof quickClock>
  const opened: Aws[] = []

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
  })
  afterEach(async () => {
    for (const aws of opened.splice(0)) await aws.close()
    faults.clear()
    await part.reset()
  })
  after(async () => {
    await faults?.stop()
    await part?.stop()
  })

  function open(access: Partial<AwsAccess> = {}, variables: NodeJS.ProcessEnv = faults.environment): Aws {
    clock = quickClock()
    const aws = openAws({ ...faults.access, ...access }, { variables, clock, user: 'shop/stage', fraction: () => 0.5 })
    opened.push(aws)
    return aws
  }

  const fails = async (call: Promise<unknown>): Promise<TrunklineError> => {
    const error = await call.then(
      () => assert.fail('it succeeded'),
      (thrown: TrunklineError) => thrown,
    )
    assert.doesNotMatch(JSON.stringify([error.message, error.hint]), /wJalrXUtnFEMI/, 'a secret is shown')
    return error
  }

  const listApplications = (aws: Aws, signal = inTime()) =>
    aws.send(aws.client(CodeDeployClient), new ListApplicationsCommand({}), { signal })

  test('a body that breaks off is asked for again, a few times', async () => {
    const aws = open()
    const client = aws.client(S3Client)
    const location = { LocationConstraint: 'eu-west-1' } as const
    const make = new CreateBucketCommand({ Bucket: 'of-texts', CreateBucketConfiguration: location })
    await aws.send(client, make, { signal: inTime() })
    const text = 'words '.repeat(2000)
    await aws.send(client, new PutObjectCommand({ Bucket: 'of-texts', Key: 'k', Body: text }), { signal: inTime() })
    const read = () => aws.text(client, new GetObjectCommand({ Bucket: 'of-texts', Key: 'k' }), { signal: inTime() })
    faults.fault('s3:GetObject', { kind: 'half' }, { times: 2 })
    assert.equal((await read()).text, text)
    faults.fault('s3:GetObject', { kind: 'half' })
    await assert.rejects(read(), { kind: 'errored', code: 'AWS_UNREACHABLE' })
  })

  test('are typed by their command, signed, and answered', async () => {
    const aws = open()
    const { applications } = await listApplications(aws)
    assert.deepEqual(applications, [])
    assert.deepEqual(faults.calls(), ['codedeploy:ListApplications'])
    assert.equal(aws.client(CodeDeployClient), aws.client(CodeDeployClient), 'one client a class')
  })

  test('are repeated while they are throttled, with pauses that grow, and then succeed', async () => {
    faults.fault('codedeploy:ListApplications', { kind: 'throttle' }, { times: 3 })
    await listApplications(open())
    assert.equal(faults.calls('codedeploy:ListApplications').length, 4)
    assert.ok(
      clock.slept.some((ms) => ms >= 1000),
      `slept ${clock.slept}`,
    )
  })

  test('that are throttled for ever end after a bounded number of tries', async () => {
    faults.fault('codedeploy:ListApplications', { kind: 'throttle' })
    const error = await fails(listApplications(open()))
    assert.equal(error.code, 'AWS_THROTTLED')
    assert.equal(error.kind, 'errored')
    assert.equal(faults.calls().length, 8)
  })

  test('go slower while a service throttles, and at full speed again after it has recovered', async () => {
    const aws = open()
    faults.fault('codedeploy:ListApplications', { kind: 'throttle' }, { times: 1 })
    await listApplications(aws)
    clock.slept.length = 0
    await Promise.all([listApplications(aws), listApplications(aws), listApplications(aws)])
    assert.ok(clock.slept.length > 0, 'calls are spaced')
    for (let count = 0; count < 10; count++) await listApplications(aws)
    clock.slept.length = 0
    await Promise.all([listApplications(aws), listApplications(aws)])
    assert.deepEqual(clock.slept, [])
  })

  for (const [name, fault] of [
    ['a cut connection', { kind: 'cut' }],
    ['a page of HTML with status 503', { kind: 'html', status: 503 }],
    ['a lost answer', { kind: 'lose' }],
  ] as const) {
    test(`are repeated after ${name}`, async () => {
      faults.fault(/ListApplications/, fault, { times: 2 })
      await listApplications(open())
      assert.equal(faults.calls().length, 3)
    })
  }

  test('that are answered with HTML name the service and the operation', async () => {
    faults.fault(/ListApplications/, { kind: 'html', status: 500 })
    const error = await fails(listApplications(open()))
    assert.equal(error.code, 'AWS_UNEXPECTED_ANSWER')
    assert.match(error.message, /CodeDeploy ListApplications \(eu-west-1\)/)
  })

  test('that never end are ended by their bound, and by who waits', async () => {
    const aws = open()
    faults.fault(/./, { kind: 'hang' })
    const client = aws.client(CodeDeployClient)
    const late = await fails(aws.send(client, new ListApplicationsCommand({}), { signal: inTime(), timeoutMs: 300 }))
    assert.equal(late.code, 'AWS_TIMED_OUT')
    const stop = new AbortController()
    const stopped = fails(aws.send(client, new ListApplicationsCommand({}), { signal: stop.signal }))
    setTimeout(() => stop.abort(), 50)
    assert.equal((await stopped).kind, 'cancelled')
  })

  test('with an ended session say what to do, and are not repeated', async () => {
    faults.fault(/./, { kind: 'expired' })
    const error = await fails(listApplications(open()))
    assert.equal(error.code, 'AWS_CREDENTIALS_EXPIRED')
    assert.match(error.hint ?? '', /sign in again/)
    assert.equal(faults.calls().length, 1)
  })

  test('that are denied name the permission, who lacks it, and the statement to add', async () => {
    const resource = 'arn:aws:lambda:eu-west-1:123456789012:function:shop'
    faults.fault(/^lambda:/, { kind: 'denied', permission: 'lambda:GetAlias', resource })
    const aws = open()
    const error = await fails(
      aws.send(aws.client(LambdaClient), new GetAliasCommand({ FunctionName: 'shop', Name: 'live' }), {
        signal: inTime(),
      }),
    )
    assert.equal(error.code, 'AWS_ACCESS_DENIED')
    assert.equal(error.kind, 'errored')
    assert.match(
      error.message,
      /assumed-role\/deployer\/trunkline-shop lacks the permission lambda:GetAlias on arn:aws:lambda/,
    )
    assert.match(error.hint ?? '', /{"Effect":"Allow","Action":"lambda:GetAlias","Resource":"arn:aws:lambda.*"}/)
  })

  test('that S3 denies without a word name the permission all the same', async () => {
    faults.fault(/^s3:/, { kind: 'error', name: 'AccessDenied', message: 'Access Denied', status: 403 })
    const aws = open()
    const s3 = aws.client(S3Client)
    const put = await fails(
      aws.send(s3, new PutObjectCommand({ Bucket: 'shop', Key: 'a', Body: 'b' }), { signal: inTime() }),
    )
    assert.match(put.message, /lacks the permission s3:PutObject/)
    const head = await fails(aws.send(s3, new HeadBucketCommand({ Bucket: 'shop' }), { signal: inTime() }))
    assert.match(head.message, /lacks the permission s3:ListBucket/)
  })

  test('keep the name of what AWS refuses', async () => {
    const aws = open()
    const lambda = aws.client(LambdaClient)
    const command = new GetAliasCommand({ FunctionName: 'none', Name: 'live' })
    const error = await fails(aws.send(lambda, command, { signal: inTime() }))
    assert.equal(error.code, 'AWS_REFUSED')
    assert.equal(aws.isError(error, 'ResourceNotFoundException'), true)
    assert.equal(aws.isError(error, 'ValidationException'), false)
    const stacks = new DescribeStacksCommand({ StackName: 'none' })
    const missing = await fails(aws.send(aws.client(CloudFormationClient), stacks, { signal: inTime() }))
    assert.match(missing.message, /CloudFormation DescribeStacks \(eu-west-1\) refuses: .*does not exist/)
  })

  test('are repeated while AWS has not caught up, and then say what AWS said', async () => {
    const aws = open()
    const client = aws.client(CodeDeployClient)
    const notYet = { kind: 'error', name: 'InvalidRoleException', message: 'not assumable yet', status: 400 } as const
    faults.fault(/ListApplications/, notYet, { times: 2 })
    const retryWhile = (error: unknown) => aws.isError(error, 'InvalidRoleException')
    await aws.send(client, new ListApplicationsCommand({}), { signal: inTime(), retryWhile })
    faults.fault(/ListApplications/, notYet)
    const error = await fails(
      aws.send(client, new ListApplicationsCommand({}), { signal: inTime(), retryWhile, timeoutMs: 20_000 }),
    )
    assert.match(error.message, /InvalidRoleException: not assumable yet/)
  })

  test('come page by page, through the same bounds', async () => {
    const aws = open()
    const ssm = aws.client(SSMClient)
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const command = new PutParameterCommand({ Name: `/shop/${name}`, Value: name, Type: 'String' })
      await aws.send(ssm, command, { signal: inTime() })
    }
    faults.fault('ssm:GetParametersByPath', { kind: 'throttle' }, { times: 1 })
    const names: string[] = []
    for await (const page of aws.pages(
      paginateGetParametersByPath,
      ssm,
      { Path: '/shop', MaxResults: 2 },
      { signal: inTime() },
    )) {
      for (const { Name } of page.Parameters ?? []) names.push(Name ?? '')
    }
    assert.deepEqual(names.sort(), ['/shop/a', '/shop/b', '/shop/c', '/shop/d', '/shop/e'])
    const all = async () => {
      const pages = aws.pages(
        paginateGetParametersByPath,
        ssm,
        { Path: '/shop', MaxResults: 1 },
        { signal: inTime(), maxPages: 2 },
      )

      for await (const _ of pages);
    }
    assert.equal((await fails(all())).code, 'AWS_TOO_MANY_PAGES')
    faults.fault(/ListFunctions|lambda:GET/, { kind: 'expired' })
    const denied = async () => {
      for await (const _ of aws.pages(paginateListFunctions, aws.client(LambdaClient), {}, { signal: inTime() }));
    }
    assert.equal((await fails(denied())).code, 'AWS_CREDENTIALS_EXPIRED')
  })

  test('wait for what comes in its own time, and give up in time', async () => {
    const aws = open()
    let looks = 0
    const options = { what: 'the stack to be there', timeoutMs: 60_000, signal: inTime() }
    assert.equal(await aws.waitFor({ ...options, look: async () => (++looks === 4 ? 'here' : null) }), 'here')
    assert.equal(looks, 4)
    const error = await fails(aws.waitFor({ ...options, look: async () => null }))
    assert.equal(error.code, 'AWS_WAIT_TIMED_OUT')
    assert.match(error.message, /waited 60 s in vain for the stack to be there/)
  })

  test('to an address where nobody listens say so', async () => {
    const aws = open({ endpoint: 'http://127.0.0.1:9' })
    const error = await fails(listApplications(aws))
    assert.equal(error.code, 'AWS_UNREACHABLE')
  })

  test('that write are refused where the credentials belong to another account', async () => {
    const aws = open({ account: '999999999999' })
    const s3 = aws.client(S3Client)
    const write = new CreateBucketCommand({ Bucket: 'shop' })
    const error = await fails(aws.send(s3, write, { signal: inTime(), writes: true }))
    assert.equal(error.code, 'WRONG_ACCOUNT')
    assert.equal(error.kind, 'refused')
    assert.match(error.message, /the AWS account 123456789012 .* the configuration says 999999999999/)
    await fails(aws.send(s3, write, { signal: inTime(), writes: true }))
    assert.deepEqual(faults.calls(), ['sts:GetCallerIdentity'], 'asked once, and nothing written')

    const right = open({ account: part.account })
    await right.send(right.client(S3Client), write, { signal: inTime(), writes: true })
  })

  test('are refused in a region of another part of AWS', () => {
    const identity = { account: part.account, arn: `arn:aws:iam::${part.account}:user/ci` }
    const inRegion = (region: string) => () => assertIdentity(identity, { ...part.access, region })
    assert.throws(inRegion('cn-north-1'), { code: 'WRONG_REGION' })
    assert.throws(inRegion('us-gov-west-1'), { code: 'WRONG_REGION' })
    assert.doesNotThrow(inRegion('us-east-1'))
  })

  test('go to the endpoint of their service where it has one', async () => {
    const { AWS_ENDPOINT_URL: _, ...variables } = faults.environment
    const aws = open({ endpoint: null }, { ...variables, AWS_ENDPOINT_URL_CODEDEPLOY: faults.endpoint })
    await listApplications(aws)
    const error = await fails(
      aws.send(aws.client(CodeDeployClient), new GetDeploymentCommand({ deploymentId: 'd-1' }), { signal: inTime() }),
    )
    assert.equal(aws.isError(error, 'DeploymentDoesNotExistException'), true)
  })

  test('without credentials say where they are looked for', async () => {
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...none } = faults.environment
    const error = await fails(listApplications(open({ profile: 'shop' }, none)))
    assert.equal(error.code, 'AWS_NO_CREDENTIALS')
    assert.match(error.message, /the AWS profile shop gives no credentials/)
  })
})
