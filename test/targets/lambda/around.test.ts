/** What is around a rollout: variables, jobs, logs, many functions at once, and the end of one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LambdaClient, paginateListFunctions, UntagResourceCommand } from '@aws-sdk/client-lambda'
import { copyArtifact } from '../../../src/artifacts/copy-artifact.ts'
import { createS3Store } from '../../../src/artifacts/s3/index.ts'
import type { Job, LogLine } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { functionCode, inTime, type LambdaUnderTest, openLambda, requestFor, seen } from './lambda-under-test.ts'

const name = 'shop-stage-carts'

describe('around functions of AWS Lambda', { skip: awsMissing() }, () => {
  let faults: AwsFaults
  let lambda: LambdaUnderTest

  inAwsAccount(openLambda, (given) => {
    ;({ faults, opened: lambda } = given)
  })

  const first = async () => requestFor('carts', await lambda.zip(functionCode('1')))

  test('fingerprints need a key that the first deployment makes: planning writes nothing', async () => {
    const target = lambda.open()
    assert.deepEqual(await target.fingerprint({ carts: { SECRET: 'a' } }, inTime()), {})
    assert.deepEqual(faults.calls(/PutParameter/), [])
    const request = await first()
    await target.ensure(request, lambda.context())
    const { fingerprint } = await seen(target, 'carts')
    assert.deepEqual(await lambda.open().fingerprint({ carts: request.variables }, inTime()), { carts: fingerprint })
    const changed = await target.fingerprint({ carts: { ...request.variables, SECRET: 'swordfish' } }, inTime())
    assert.notEqual(changed['carts'], fingerprint)
    assert.doesNotMatch(JSON.stringify(changed), /swordfish/)
  })

  test('a changed secret is a new version of the same code, and going back to the old one is none', async () => {
    const target = lambda.open()
    const request = await first()
    await target.ensure(request, lambda.context())
    const changed = { ...request, variables: { ...request.variables, SECRET: 'another' } }
    faults.clear()
    const context = lambda.context()
    assert.deepEqual(await target.ensure(changed, context), { ok: true })
    assert.deepEqual(faults.calls(/lambda:PUT.*code/), [])
    assert.doesNotMatch(context.lines.join('\n'), /another/)
    assert.equal(await lambda.alias(name), '2')
    await target.ensure(request, lambda.context())
    assert.equal(await lambda.alias(name), '1')
  })

  test('variables that Lambda cannot take are refused before anything is changed', async () => {
    const request = await first()
    const reserved = { ...request, variables: { AWS_REGION: 'here' } }
    await assert.rejects(lambda.open().ensure(reserved, lambda.context()), { code: 'VARIABLE_RESERVED' })
    const large = { ...request, variables: { LARGE: 'x'.repeat(4096) } }
    await assert.rejects(lambda.open().ensure(large, lambda.context()), { code: 'VARIABLES_TOO_LARGE' })
    assert.deepEqual(faults.calls(/lambda:(?:PUT|POST)/), [])
  })

  test('another function’s address is what it is now', async () => {
    const target = lambda.open({ config: { url: 'https://{service}.stage.example' } })
    await target.ensure(await first(), lambda.context())
    const orders = requestFor('orders', await lambda.zip(functionCode('1')))
    const env = { CARTS: { kind: 'service', service: 'carts' } } as const
    await target.ensure({ ...orders, desired: { ...orders.desired, env } }, lambda.context())
    const lost = { LOST: { kind: 'service', service: 'nobody' } } as const
    await assert.rejects(target.ensure({ ...orders, desired: { ...orders.desired, env: lost } }, lambda.context()), {
      code: 'NO_ADDRESS',
    })
    assert.equal((await seen(target, 'carts')).url, 'https://carts.stage.example')
    const found: unknown[] = []
    const pages = lambda.aws.pages(paginateListFunctions, lambda.aws.client(LambdaClient), {}, { signal: inTime() })
    for await (const { Functions = [] } of pages) {
      found.push(...Functions.map(({ Environment }) => Environment?.Variables?.['CARTS']))
    }
    assert.ok(found.includes('https://carts.stage.example'))
  })

  const jobFor = async (run: string, change: Partial<Job> = {}): Promise<Job> => {
    const { desired } = requestFor('carts', await lambda.zip(functionCode('9')))
    return {
      ...{ key: 'd-1/migrate', name: 'migrate', service: 'carts', artifact: desired.artifact, run },
      ...{ described: desired.run, variables: { GREETING: 'hi', SECRET: 'swordfish' }, secrets: ['SECRET'] },
      timeoutMs: 20_000,
      ...change,
    }
  }

  test('a hook invokes a version of its own artifact, once for each key, and gets no requests by that', async () => {
    const target = lambda.open()
    await target.ensure(await first(), lambda.context())
    const job = await jobFor('{"task":"migrate"}')
    assert.deepEqual(await target.jobOutcome(job.key, inTime()), { kind: 'never-started' })
    const context = lambda.context()
    const outcome = await target.runJob(job, context)
    assert.ok(outcome.kind === 'ended' && outcome.exitCode === 0, JSON.stringify(outcome))
    assert.deepEqual(outcome.logTail, [
      'version 9 with •••',
      'answers {"version":"9","event":{"task":"migrate"},"greeting":"hi"}',
    ])
    assert.equal(await lambda.alias(name), '1')
    faults.clear()
    assert.deepEqual(await lambda.open().runJob(job, lambda.context()), outcome)
    assert.deepEqual(await lambda.open().jobOutcome(job.key, inTime()), outcome)
    assert.deepEqual(faults.calls(/invocations/), [])
  })

  test('a hook that fails, one that takes too long, and one whose end nobody saw are three different things', async () => {
    const target = lambda.open()
    await target.ensure(await first(), lambda.context())
    const failed = await target.runJob(await jobFor('{"fail":true}'), lambda.context())
    assert.ok(failed.kind === 'ended' && failed.exitCode === 1)
    assert.match(failed.logTail.at(-1) ?? '', /^Error: 9 cannot$/)
    const slow = await lambda.zip({ 'index.js': 'exports.main = () => new Promise((done) => setTimeout(done, 60000))' })
    const { desired } = requestFor('carts', slow, { run: { timeoutMs: 1000 } })
    const late = { key: 'late', artifact: slow, described: desired.run }
    const timedOut = await target.runJob(await jobFor('{}', late), lambda.context())
    assert.equal(timedOut.kind, 'timed-out')
    faults.fault(/invocations/, { kind: 'lose' })
    const unseen = await jobFor('{}', { key: 'unseen' })
    await assert.rejects(target.runJob(unseen, lambda.context()), { kind: 'errored' })
    assert.equal(faults.calls(/invocations/).length, 3, 'an invocation whose answer is lost is not repeated')
    faults.clear()
    assert.deepEqual(await target.jobOutcome('unseen', inTime()), { kind: 'unknown' })
    assert.deepEqual(await target.runJob(unseen, lambda.context()), { kind: 'unknown' })
    await assert.rejects(target.runJob(await jobFor('npm run migrate', { key: 'text' }), lambda.context()), {
      kind: 'refused',
      code: 'JOB_NOT_AN_EVENT',
    })
  })

  test('what a function has written can be read, without its secrets', async () => {
    const target = lambda.open()
    const request = await first()
    const run = { ...request.desired.run, healthEvent: { ping: 1 } } as typeof request.desired.run
    await target.ensure({ ...request, desired: { ...request.desired, run } }, lambda.context())
    const lines: LogLine[] = []
    for await (const line of target.logs({ service: 'carts', lines: 10, follow: false }, inTime())) lines.push(line)
    assert.deepEqual(
      lines.map(({ instance, text }) => [instance.split('/')[0], text]),
      [['1', 'version 1 with •••']],
    )
    const none = target.logs({ service: 'nobody', lines: 10, follow: false }, inTime())
    for await (const line of none) assert.fail(line.text)
  })

  test('old versions are given up, but for those that are kept and those in use', async () => {
    const target = lambda.open({ config: { keepVersions: 2 } })
    // AWS never gives a number twice; the emulator does once one is deleted, so that there is one to delete.
    for (const version of ['1', '2', '3', '4']) {
      await target.ensure(requestFor('carts', await lambda.zip(functionCode(version))), lambda.context())
    }
    assert.deepEqual([await lambda.versions(name), await lambda.alias(name)], [['2', '3', '4'], '4'])
  })

  test('a function that Trunkline made goes with its service, and one that was there before stays', async () => {
    const target = lambda.open()
    await target.ensure(await first(), lambda.context())
    assert.deepEqual(await target.remove('carts', lambda.context()), { ok: true })
    assert.equal((await seen(target, 'carts')).generation, null)
    await assert.rejects(lambda.alias(name))
    assert.deepEqual(await target.remove('carts', lambda.context()), { ok: true })
    // One that a hook needed before its first rollout is Trunkline's, too.
    await target.runJob(await jobFor('{}', { key: 'before-all' }), lambda.context())
    await target.ensure(await first(), lambda.context())
    assert.deepEqual(await target.remove('carts', lambda.context()), { ok: true })
    await assert.rejects(lambda.alias(name))
    // Made by somebody else, as its tags say.
    await target.ensure(await first(), lambda.context())
    const Resource = `arn:aws:lambda:eu-west-1:123456789012:function:${name}`
    const untag = new UntagResourceCommand({ Resource, TagKeys: ['trunkline:project'] })
    await lambda.aws.send(lambda.aws.client(LambdaClient), untag, { signal: inTime() })
    const context = lambda.context()
    assert.deepEqual(await target.remove('carts', context), { ok: true })
    assert.equal(await lambda.alias(name), '1')
    assert.match(context.lines.join(), /the function stays/)
  })

  test('a function that is missing is not made where no role is named', async () => {
    const target = lambda.open({ config: { role: null } })
    await assert.rejects(target.ensure(await first(), lambda.context()), { kind: 'refused', code: 'NO_FUNCTION' })
  })

  test('one function of fifty costs few calls, and one that is gone is seen', async () => {
    const target = lambda.open()
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`)
    const one = await lambda.zip(functionCode('1'))
    const all = names.map((service) => requestFor(service, one))
    for (const part of [all.slice(0, 25), all.slice(25)]) {
      const verdicts = await Promise.all(part.map((request) => target.ensure(request, lambda.context())))
      assert.ok(verdicts.every(({ ok }) => ok))
    }
    assert.equal((await lambda.keys()).filter((key) => key.endsWith('.zip')).length, 1)
    faults.clear()
    const fresh = lambda.open()
    const observation = await fresh.observe(names, inTime())
    assert.ok(observation.reachable)
    assert.ok(names.every((service) => observation.services[service]?.generation === all[0]?.desired.generation))
    await fresh.fingerprint(Object.fromEntries(all.map(({ service, variables }) => [service, variables])), inTime())
    assert.ok(faults.calls().length < 5, faults.calls().join(', '))
    const changed = requestFor('s7', await lambda.zip(functionCode('2')))
    assert.deepEqual(await fresh.ensure(changed, lambda.context()), { ok: true })
    assert.deepEqual(await fresh.verify(changed, lambda.context()), { ok: true })
    assert.ok(faults.calls().length < 20, `${faults.calls().length} calls: ${faults.calls().join(', ')}`)
    assert.ok(faults.calls(/shop-stage-s(?!7\b)/).length === 0, 'nobody else is touched')
  })

  test('fifty changed functions go side by side, and ask AWS no more at a time than it lets a client', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`)
    const bring = async (version: string) => {
      const target = lambda.open()
      const zip = await lambda.zip(functionCode(version))
      const verdicts = names.map((service) => target.ensure(requestFor(service, zip), lambda.context()))
      assert.ok((await Promise.all(verdicts)).every(({ ok }) => ok))
    }
    await bring('1')
    faults.clear()
    await bring('2')
    const most = faults.mostAtOnce('lambda')
    assert.ok(most > 1 && most <= 32, `${most} at once`)
    const versions = await Promise.all(names.map((service) => lambda.alias(`shop-stage-${service}`)))
    assert.deepEqual(new Set(versions), new Set(['2']))
    assert.equal(faults.calls('s3:PutObject').length < names.length, true, 'what is remembered is written together')
    assert.equal((await lambda.keys()).filter((key) => key.endsWith('.zip')).length, 2)
  })

  test('where artifacts are in a bucket themselves, Lambda takes the zip from there', async () => {
    const store = createS3Store({ aws: lambda.aws, bucket: lambda.bucket, prefix: 'artifacts' })
    const request = await first()
    await copyArtifact(
      { digest: request.desired.artifact, from: lambda.artifacts, service: 'carts', to: store },
      inTime(),
    )
    const before = (await lambda.keys()).length
    assert.deepEqual(await lambda.open().ensure(request, lambda.context({ artifacts: store })), { ok: true })
    assert.equal((await lambda.keys()).length, before + 1, 'the record alone is new')
    assert.equal((await lambda.keys()).filter((key) => key.endsWith('.zip')).length, 0)
  })
})
