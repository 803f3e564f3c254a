import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GetFunctionCommand, GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { functionCode, inTime, type LambdaUnderTest, openLambda, requestFor, seen } from './lambda-under-test.ts'

describe('functions of AWS Lambda', { skip: awsMissing() }, () => {
  let faults: AwsFaults
  let lambda: LambdaUnderTest

  inAwsAccount(openLambda, (given) => {
    ;({ faults, opened: lambda } = given)
  })

  test('a function that is missing is made, and its alias leads to its first version', async () => {
    const target = lambda.open()
    const request = requestFor('carts', await lambda.zip(functionCode('1')))
    assert.deepEqual(await seen(target, 'carts'), {
      ...{ generation: null, artifact: null, fingerprint: null, url: null },
      instances: { ready: 0, desired: 0 },
    })
    assert.deepEqual(await target.ensure(request, lambda.context()), { ok: true })
    assert.deepEqual(await target.verify(request, lambda.context()), { ok: true })
    assert.equal(await lambda.alias('shop-stage-carts'), '1')
    const observed = await seen(target, 'carts')
    assert.equal(observed.generation, request.desired.generation)
    assert.equal(observed.artifact, request.desired.artifact)
    assert.deepEqual(observed.instances, { ready: 1, desired: 1 })
    const command = new GetFunctionCommand({ FunctionName: 'shop-stage-carts', Qualifier: 'live' })
    const { Configuration } = await lambda.aws.send(lambda.aws.client(LambdaClient), command, { signal: inTime() })
    assert.deepEqual(Configuration?.Environment?.Variables, request.variables)
    assert.equal(Configuration?.Handler, 'index.main')
  })

  test('bringing it again changes nothing, for this controller or another', async () => {
    const request = requestFor('carts', await lambda.zip(functionCode('1')))
    const target = lambda.open()
    await target.ensure(request, lambda.context())
    faults.clear()
    assert.deepEqual(await target.ensure(request, lambda.context()), { ok: true })
    assert.deepEqual(await lambda.open().ensure(request, lambda.context()), { ok: true })
    assert.deepEqual(faults.calls(/PutObject|Create|Update|Publish|lambda:(?:PUT|POST)/), [])
    assert.deepEqual(await lambda.versions('shop-stage-carts'), ['1'])
  })

  test('a new zip is a new version, stored once under its content with the commit that brought it', async () => {
    const target = lambda.open()
    const first = requestFor('carts', await lambda.zip(functionCode('1')))
    const second = requestFor('carts', await lambda.zip(functionCode('2')))
    await target.ensure(first, lambda.context())
    assert.deepEqual(await target.ensure(second, lambda.context()), { ok: true })
    assert.equal(await lambda.alias('shop-stage-carts'), '2')
    assert.equal((await seen(target, 'carts')).generation, second.desired.generation)
    assert.equal((await target.verify(first, lambda.context())).ok, false)
    const zips = (await lambda.keys()).filter((key) => key.endsWith('.zip'))
    assert.equal(zips.length, 2)
    const head = new HeadObjectCommand({ Bucket: lambda.bucket, Key: zips[0] })
    const { Metadata } = await lambda.aws.send(lambda.aws.client(S3Client), head, { signal: inTime() })
    assert.deepEqual(Metadata, { project: 'shop', service: 'carts', commit: 'c0ffee00'.repeat(5) })
  })

  test('another environment of the account takes the same zip and uploads nothing', async () => {
    const artifact = await lambda.zip(functionCode('1'))
    await lambda.open().ensure(requestFor('carts', artifact), lambda.context())
    faults.clear()
    await lambda.open({ environment: 'prod' }).ensure(requestFor('carts', artifact), lambda.context())
    assert.equal((await lambda.keys()).filter((key) => key.endsWith('.zip')).length, 1)
    assert.equal(faults.calls('s3:PutObject').length, 2) // what is remembered, before and after
    const code = async (name: string) => {
      const command = new GetFunctionConfigurationCommand({ FunctionName: name })
      return (await lambda.aws.send(lambda.aws.client(LambdaClient), command, { signal: inTime() })).CodeSha256
    }
    assert.equal(await code('shop-prod-carts'), await code('shop-stage-carts'))
  })

  test('going back moves the alias to the version that is there: nothing is uploaded or published', async () => {
    const target = lambda.open()
    const first = requestFor('carts', await lambda.zip(functionCode('1')))
    await target.ensure(first, lambda.context())
    await target.ensure(requestFor('carts', await lambda.zip(functionCode('2'))), lambda.context())
    faults.clear()
    assert.deepEqual(await lambda.open().ensure(first, lambda.context()), { ok: true })
    assert.equal(await lambda.alias('shop-stage-carts'), '1')
    assert.deepEqual(
      faults.calls(/code$|configuration$|versions$/).filter((call) => !call.includes('GET')),
      [],
    )
    assert.deepEqual(await lambda.versions('shop-stage-carts'), ['1', '2'])
  })
})
