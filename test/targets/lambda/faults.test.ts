/** What happens where AWS, or somebody else, does not do as expected. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { TrunklineError, Verdict } from '../../../src/model/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import {
  functionCode,
  inTime,
  type LambdaUnderTest,
  openLambda,
  quickClock,
  requestFor,
  seen,
} from './lambda-under-test.ts'

const name = 'shop-stage-carts'
const writes = /PutObject|PutParameter|lambda:(?:PUT|POST|DELETE)/

describe('functions of AWS Lambda on bad days', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let lambda: LambdaUnderTest

  inAwsAccount(openLambda, (given) => {
    ;({ part, faults, opened: lambda } = given)
  })

  const first = async () => requestFor('carts', await lambda.zip(functionCode('1')))
  const second = async () => requestFor('carts', await lambda.zip(functionCode('2')))
  const messages = (verdict: Verdict) => (verdict.ok ? 'ok' : verdict.reasons.map(({ message }) => message).join('; '))
  const configuration = () => configurationOf(name)
  const configurationOf = async (FunctionName: string) => {
    const command = new GetFunctionConfigurationCommand({ FunctionName })
    return await lambda.aws.send(lambda.aws.client(LambdaClient), command, { signal: inTime() })
  }

  test('calls that are throttled are made again', async () => {
    faults.fault(/lambda:/, { kind: 'throttle' }, { times: 3 })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(await first(), lambda.context()), { ok: true })
    assert.equal(await lambda.alias(name), '1')
  })

  test('an expired session and a missing permission are told as what they are, and nothing is half moved', async () => {
    await lambda.open().ensure(await first(), lambda.context())
    const request = await second()
    faults.fault(/lambda:/, { kind: 'expired' })
    await assert.rejects(lambda.open().ensure(request, lambda.context()), { code: 'AWS_CREDENTIALS_EXPIRED' })
    faults.clear()
    const arn = `arn:aws:lambda:eu-west-1:123456789012:function:${name}`
    faults.fault(/lambda:PUT.*code/, { kind: 'denied', permission: 'lambda:UpdateFunctionCode', resource: arn })
    await assert.rejects(lambda.open().ensure(request, lambda.context()), (error: TrunklineError) => {
      assert.equal(error.code, 'AWS_ACCESS_DENIED')
      assert.match(error.message, /lacks the permission lambda:UpdateFunctionCode on arn:aws:lambda/)
      return true
    })
    assert.equal(await lambda.alias(name), '1')
  })

  test('a wrong account is refused before anything is written', async () => {
    const target = lambda.open({ access: { account: '999999999999' } })
    await assert.rejects(target.ensure(await first(), lambda.context()), { kind: 'refused', code: 'WRONG_ACCOUNT' })
    assert.deepEqual(faults.calls(writes), [])
  })

  test('a change that takes a while is waited for, also at the version that it becomes', async () => {
    await part.wish('lambda', { looks: 2 })
    const target = lambda.open({ clock: quickClock() })
    assert.deepEqual(await target.ensure(await first(), lambda.context()), { ok: true })
    const changed = await second()
    const run = { ...changed.desired.run, memoryMb: 256 } as typeof changed.desired.run
    const request = { ...changed, desired: { ...changed.desired, run } }
    assert.deepEqual(await target.ensure(request, lambda.context()), { ok: true })
    assert.deepEqual([await lambda.alias(name), (await configuration()).MemorySize], ['2', 256])
  })

  test('a function that AWS cannot make or change fails with AWS’s reason, and the next good one goes through', async () => {
    await part.wish('lambda', { fails: 'InvalidSubnet: the subnet has no address left' })
    const target = lambda.open()
    const made = await target.ensure(await first(), lambda.context())
    assert.match(messages(made), /^shop-stage-carts is in the state Failed: InvalidSubnet: the subnet has no address/)
    assert.equal((await seen(target, 'carts')).generation, null)
    await part.wish('lambda', { fails: null })
    const good = await second()
    assert.deepEqual(await target.ensure(good, lambda.context()), { ok: true })
    await part.wish('lambda', { fails: 'EniLimitExceeded: too many' })
    const third = requestFor('carts', await lambda.zip(functionCode('3')))
    assert.match(
      messages(await target.ensure(third, lambda.context())),
      /could not change .*EniLimitExceeded: too many/,
    )
    assert.equal((await seen(target, 'carts')).generation, good.desired.generation)
    assert.deepEqual(await target.verify(good, lambda.context()), { ok: true })
  })

  test('a zip that was written over under its key is refused by name', async () => {
    const request = await first()
    const target = lambda.open()
    await target.ensure(request, lambda.context())
    const [key] = (await lambda.keys()).filter((known) => known.endsWith('.zip'))
    const other = new PutObjectCommand({ Bucket: lambda.bucket, Key: key, Body: 'PK something else' })
    await lambda.aws.send(lambda.aws.client(S3Client), other, { signal: inTime() })
    const elsewhere = lambda.open({ environment: 'prod' })
    await assert.rejects(elsewhere.ensure(request, lambda.context()), (error: TrunklineError) => {
      assert.deepEqual([error.kind, error.code], ['refused', 'ZIP_CHANGED'])
      assert.match(error.message, new RegExp(`s3://${lambda.bucket}/${key} is not the zip that its name says`))
      return true
    })
  })

  test('one that looks the same from outside is refused by what Lambda says of it, and takes no request', async () => {
    const target = lambda.open()
    await target.ensure(await first(), lambda.context())
    const changed = await second()
    // Another environment brings its zip; somebody changes one byte of it there, and no checksum tells.
    await lambda.open({ environment: 'prod' }).ensure(changed, lambda.context())
    const client = lambda.aws.client(S3Client)
    const hex = Buffer.from((await configurationOf('shop-prod-carts')).CodeSha256 ?? '', 'base64').toString('hex')
    const at = { Bucket: lambda.bucket, Key: `functions/${hex}.zip` }
    const { Body } = await lambda.aws.send(client, new GetObjectCommand(at), { signal: inTime() })
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40)
    await lambda.aws.send(client, new PutObjectCommand({ ...at, Body: bytes }), { signal: inTime() })
    await assert.rejects(target.ensure(changed, lambda.context()), { kind: 'refused', code: 'ZIP_CHANGED' })
    assert.deepEqual([await lambda.alias(name), await lambda.versions(name)], ['1', ['1']])
  })

  test('what was changed by hand is told, and put back where a person says so', async () => {
    const target = lambda.open()
    const one = await first()
    const two = await second()
    await target.ensure(one, lambda.context())
    await target.ensure(two, lambda.context())
    assert.deepEqual(await target.findDrift?.(['carts'], inTime()), [])
    const client = lambda.aws.client(LambdaClient)
    const move = { FunctionName: name, Name: 'live', FunctionVersion: '1' }
    await lambda.aws.send(client, new UpdateAliasCommand(move), { signal: inTime() })
    const change = { FunctionName: name, MemorySize: 512 }
    await lambda.aws.send(client, new UpdateFunctionConfigurationCommand(change), { signal: inTime() })
    const drift = (await target.findDrift?.(['carts'], inTime())) ?? []
    assert.deepEqual(
      drift.map(({ subject, fields }) => [
        subject,
        fields.map(({ path, expected, actual }) => [path, expected, actual]),
      ]),
      [
        [`alias live of ${name}`, [['version', '2', '1']]],
        [`$LATEST of ${name}`, [['memory', 128, 512]]],
      ],
    )
    assert.equal((await target.verify(two, lambda.context())).ok, false)
    assert.deepEqual(await target.ensure({ ...two, isRepair: true }, lambda.context()), { ok: true })
    assert.equal((await configuration()).MemorySize, 128)
    assert.deepEqual(await target.findDrift?.(['carts'], inTime()), [])
  })

  test('somebody who changes the alias in the same moment is not overwritten unseen', async () => {
    await lambda.open().ensure(await first(), lambda.context())
    const message = 'The RevisionId provided does not match the latest RevisionId.'
    faults.fault(/lambda:PUT.*aliases/, { kind: 'error', name: 'PreconditionFailedException', message, status: 412 })
    await assert.rejects(lambda.open().ensure(await second(), lambda.context()), {
      kind: 'errored',
      code: 'AWS_REFUSED',
    })
    assert.equal(await lambda.alias(name), '1')
    faults.clear()
    assert.deepEqual(await lambda.open().ensure(await second(), lambda.context()), { ok: true })
  })

  test('a controller that has lost its lease moves nothing any more', async () => {
    await lambda.open().ensure(await first(), lambda.context({ epoch: 7 }))
    const stale = { kind: 'refused', code: 'STALE_CONTROLLER' }
    await assert.rejects(lambda.open().ensure(await second(), lambda.context({ epoch: 6 })), stale)
    await assert.rejects(lambda.open().remove('carts', lambda.context({ epoch: 6 })), stale)
    assert.equal(await lambda.alias(name), '1')
  })
})
