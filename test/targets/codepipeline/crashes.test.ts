/** What happens where AWS, its buckets or the controller do not do as expected. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { TrunklineError } from '../../../src/model/index.ts'
import type { RolloutRequest } from '../../../src/ports/index.ts'
import {
  describePipelines,
  inTime,
  makeBucket,
  messages,
  name,
  noteOf,
  plain,
  seen,
} from './codepipeline-under-test.ts'

describePipelines('a pipeline, AWS and a controller that dies', (at) => {
  test('an object that somebody has written over, and a bucket without versions, are refused', async () => {
    await at.shop.makePipeline()
    const request = await at.shop.release('1')
    assert.deepEqual(await at.shop.open().ensure(request, at.shop.context()), { ok: true })
    const key = (await at.shop.starts())[0]?.revisions?.[0]?.revisionValue
    const over = new PutObjectCommand({ Bucket: at.shop.bucket, Key: key, Body: 'something else' })
    await at.shop.aws.send(at.shop.aws.client(S3Client), over, { signal: inTime() })
    const other = { ...request, desired: { ...request.desired, generation: 'generation-2' } }
    await assert.rejects(at.shop.open().ensure(other, at.shop.context()), { kind: 'refused', code: 'REVISION_CHANGED' })
    const bare = `${at.shop.bucket}-bare`
    await makeBucket(at.shop.aws, bare, false)
    await at.shop.makePipeline(plain(bare), { name: 'bare' })
    const target = at.shop.open({ config: { pipeline: 'bare' } })
    await assert.rejects(target.ensure(request, at.shop.context()), { kind: 'refused', code: 'BUCKET_NOT_VERSIONED' })
  })

  /** What dies at a call lets nothing go and takes nothing back: the next call after so many is its last. */
  async function dyingAt(
    call: number,
    request: RolloutRequest,
    deployment: ReturnType<typeof noteOf>,
  ): Promise<boolean> {
    const denied = { kind: 'denied', permission: 'codepipeline:Any', resource: '*' } as const
    at.faults.fault(/^(?:codepipeline|s3):/, denied, { times: 1, after: call })
    try {
      await at.shop.open().ensure(request, at.shop.context({ deployment }))
      return false
    } catch (error) {
      assert.equal((error as TrunklineError).code, 'AWS_ACCESS_DENIED')
      return true
    } finally {
      at.faults.clear()
    }
  }

  const short = () => plain(at.shop.bucket).filter(({ name: stage }) => stage !== 'Test')

  test('a controller that dies at any call is followed by one that starts one execution, and no other', async () => {
    await at.shop.makePipeline(short())
    for (let call = 0; ; call += 1) {
      const request = await at.shop.release(`${call}`)
      const deployment = noteOf(`d-prod-${call}`)
      const died = await dyingAt(call, request, deployment)
      assert.equal(
        messages(await at.shop.open().ensure(request, at.shop.context({ deployment }))),
        'ok',
        `call ${call}`,
      )
      assert.equal((await at.shop.executions()).length, call + 1)
      if (died) continue
      assert.ok(call > 12, `${call} calls`)
      break
    }
  })

  test('a controller that dies at any call while an execution fails leaves one way back, and its verdict', async () => {
    await at.shop.makePipeline(short())
    assert.deepEqual(await at.shop.open().ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    await at.part.wish('codepipeline', { fails: 'Deploy' })
    for (let call = 8; ; call += 3) {
      const before = (await at.shop.executions()).length
      const request = await at.shop.release(`bad-${call}`)
      const deployment = noteOf(`d-prod-bad-${call}`)
      const died = await dyingAt(call, request, deployment)
      const verdict = await at.shop.open().ensure(request, at.shop.context({ deployment }))
      assert.match(messages(verdict), /^Production\/Deploy failed: .*; what ran before runs again$/, `call ${call}`)
      assert.equal((await seen(at.shop.open())).generation, 'generation-1')
      assert.equal((await at.shop.executions()).length, before + 2, `after ${call} calls`)
      if (!died) break
    }
  })

  test('an answer that is lost, and a controller that dies before it has one, start no second execution', async () => {
    await at.shop.makePipeline()
    const request = await at.shop.release('1')
    at.faults.fault('codepipeline:StartPipelineExecution', { kind: 'lose' }, { times: 1 })
    assert.deepEqual(await at.shop.open().ensure(request, at.shop.context()), { ok: true })
    assert.equal((await at.shop.executions()).length, 1)
  })

  test('an execution is watched on while AWS does not answer, which is said', async () => {
    await at.shop.makePipeline()
    const broken = { kind: 'error', name: 'InternalFailure', message: 'sorry', status: 500 } as const
    at.faults.fault('codepipeline:ListActionExecutions', broken, { times: 10 })
    const context = at.shop.context()
    assert.deepEqual(await at.shop.open().ensure(await at.shop.release('1'), context), { ok: true })
    const lines = context.lines.join('\n')
    assert.match(lines, /waits for execution [0-9a-f]{8} to end, and cannot see it since .* sorry\n/)
    assert.match(lines, /AWS answers again, after/)
    assert.equal((await at.shop.starts()).length, 1)
  })

  test('calls that are throttled are made again', async () => {
    await at.shop.makePipeline()
    at.faults.fault(/codepipeline:/, { kind: 'throttle' }, { times: 3 })
    assert.deepEqual(await at.shop.open().ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    assert.equal((await at.shop.executions()).length, 1)
  })

  test('an expired session and a missing permission are told as what they are', async () => {
    await at.shop.makePipeline()
    const request = await at.shop.release('1')
    at.faults.fault(/codepipeline:/, { kind: 'expired' })
    await assert.rejects(at.shop.open().ensure(request, at.shop.context()), { code: 'AWS_CREDENTIALS_EXPIRED' })
    at.faults.clear()
    const resource = `arn:aws:codepipeline:eu-west-1:123456789012:${name}`
    const permission = 'codepipeline:StartPipelineExecution'
    at.faults.fault(permission, { kind: 'denied', permission, resource })
    await assert.rejects(at.shop.open().ensure(request, at.shop.context()), (error: TrunklineError) => {
      assert.equal(error.code, 'AWS_ACCESS_DENIED')
      assert.match(error.message, /lacks the permission codepipeline:StartPipelineExecution on arn:aws:codepipeline/)
      return true
    })
    assert.deepEqual(await at.shop.executions(), [])
  })
})
