/** What happens where an action or the controller does not do as expected. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { cancelledError, refusedError } from '../../../src/model/index.ts'
import {
  approved,
  deploy,
  describePipelines,
  inTime,
  messages,
  plain,
  quickClock,
  seen,
} from './codepipeline-under-test.ts'

describePipelines('a pipeline on bad days', (at) => {
  const statuses = async () => (await at.shop.executions()).map(({ status }) => status)
  const url = 'https://console.aws.example/codebuild/shop:1'

  test('the first action that failed is the cause, with where to look; where nothing was changed yet, nothing is brought back', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { fails: { action: 'Build' } })
    const verdict = await at.shop.open().ensure(request, at.shop.context())
    const failure = `Test/Build failed: the build ended with exit code 7 (JobFailed); see ${url}`
    assert.equal(messages(verdict), `${failure}; what ran before still runs: nothing was changed yet`)
    assert.ok(!verdict.ok && verdict.refused === undefined && verdict.logTail?.at(-1) === failure)
    assert.deepEqual(await statuses(), ['Succeeded', 'Failed'])
    assert.equal((await seen(at.shop.open())).generation, 'generation-1')
  })

  test('what ran before is brought back, by the revisions that it was brought by', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { fails: { action: 'Deploy', code: 'JobFailed', message: 'no space left' } })
    const target = at.shop.open()
    const verdict = await target.ensure(request, at.shop.context())
    assert.match(messages(verdict), /^Production\/Deploy failed: no space left .*; what ran before runs again$/)
    assert.deepEqual(await statuses(), ['Succeeded', 'Failed', 'Succeeded'])
    const [first, , back] = await at.shop.starts()
    assert.deepEqual(back?.revisions, first?.revisions)
    const { generation, detail } = await seen(target)
    assert.deepEqual([generation, detail], ['generation-1', undefined])
    const said: string[] = []
    for await (const { instance, text } of target.logs({ service: 'web', lines: 2, follow: false }, inTime())) {
      said.push(`${instance} ${text}`)
    }
    assert.deepEqual(said, ['Test/Build succeeded: Build is through', 'Production/Deploy succeeded: Deploy is through'])
  })

  test('a way back that fails too is told, and what runs is not known', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { fails: { action: 'Deploy' } })
    const [key, version] = (await at.shop.starts())[0]?.revisions ?? []
    const gone = { Bucket: at.shop.bucket, Key: key?.revisionValue, VersionId: version?.revisionValue }
    await at.shop.aws.send(at.shop.aws.client(S3Client), new DeleteObjectCommand(gone), { signal: inTime() })
    const verdict = await at.shop.open().ensure(request, at.shop.context())
    assert.match(messages(verdict), /what ran before could not be brought back: Source\/Source failed/)
    const { generation, instances, detail } = await seen(at.shop.open())
    assert.deepEqual([generation, instances], [null, { ready: 0, desired: 1 }])
    assert.match(detail ?? '', /is Failed: what runs is not known/)
  })

  test('a stage that the pipeline rolls back by itself is followed, and nothing is started twice', async () => {
    const stages = plain(at.shop.bucket).map((stage) =>
      stage.name === 'Production' ? { ...stage, onFailure: { result: 'ROLLBACK' as const } } : stage,
    )
    await at.shop.makePipeline(stages)
    assert.deepEqual(await at.shop.open().ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    await at.part.wish('codepipeline', { fails: 'Deploy' })
    const context = at.shop.context()
    const verdict = await at.shop.open().ensure(await at.shop.release('2'), context)
    assert.match(messages(verdict), /Deploy failed.*; what ran before runs again$/)
    assert.equal((await at.shop.starts()).length, 2)
    const types = (await at.shop.executions()).map(({ executionType, status }) => `${executionType} ${status}`)
    assert.deepEqual(types, ['STANDARD Succeeded', 'STANDARD Failed', 'ROLLBACK Succeeded'])
    assert.equal((await seen(at.shop.open())).generation, 'generation-1')
  })

  test('a stage that the pipeline tries again by itself is waited for; it fails when that fails too', async () => {
    const stages = plain(at.shop.bucket).map((stage) =>
      stage.name === 'Production' ? { ...stage, onFailure: { result: 'RETRY' as const } } : stage,
    )
    await at.shop.makePipeline(stages)
    await at.part.wish('codepipeline', { fails: 'Deploy' })
    const clock = quickClock(async () => {
      if (context.lines.some((line) => line.startsWith('Production/Deploy failed')))
        await at.part.wish('codepipeline', { fails: null })
    })
    const context = at.shop.context()
    assert.deepEqual(await at.shop.open({ clock }).ensure(await at.shop.release('1'), context), { ok: true })
    assert.deepEqual(await statuses(), ['Succeeded'])
    const said = context.lines
      .filter((line) => line.startsWith('Production/Deploy'))
      .map((line) => line.split(/[ :]/)[1])
    assert.deepEqual(said, ['begins', 'failed', 'begins', 'succeeded'])
    await at.part.wish('codepipeline', { fails: 'Deploy' })
    const verdict = await at.shop.open().ensure(await at.shop.release('2'), at.shop.context())
    assert.match(messages(verdict), /^Production\/Deploy failed.*; what ran before runs again$/)
    assert.deepEqual(await statuses(), ['Succeeded', 'Failed', 'Succeeded'])
  })

  test('where it rolled back one stage of several, the whole pipeline is brought back', async () => {
    const [first, staging, production] = approved(at.shop.bucket)
    assert.ok(first && staging && production)
    await at.shop.makePipeline([
      first,
      staging,
      { name: 'Production', actions: [deploy()], onFailure: { result: 'ROLLBACK' } },
    ])
    assert.deepEqual(await at.shop.open().ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    const clock = quickClock(async () => {
      const lines = context.lines.join('\n')
      if (lines.includes('Staging/Deploy succeeded')) await at.part.wish('codepipeline', { fails: 'Deploy' })
    })
    const context = at.shop.context()
    const verdict = await at.shop.open({ clock }).ensure(await at.shop.release('2'), context)
    assert.match(messages(verdict), /Production\/Deploy failed.*; what ran before runs again$/)
    assert.deepEqual(await statuses(), ['Succeeded', 'Failed', 'Succeeded', 'Succeeded'])
    assert.equal((await at.shop.starts()).length, 3)
    assert.equal((await seen(at.shop.open())).generation, 'generation-1')
  })

  test('a first deployment that fails has nothing to go back to, and says so', async () => {
    await at.shop.makePipeline()
    await at.part.wish('codepipeline', { fails: 'Deploy' })
    const verdict = await at.shop.open().ensure(await at.shop.release('1'), at.shop.context())
    assert.match(messages(verdict), /; nothing that Trunkline brought ran before: it stays as the failure left it$/)
    assert.equal((await seen(at.shop.open())).generation, null)
  })

  test('what the pipeline may not do is no verdict on the release', async () => {
    await at.shop.makePipeline()
    await at.part.wish('codepipeline', {
      fails: { action: 'Build', code: 'PermissionError', message: 'not authorized' },
    })
    const verdict = await at.shop.open().ensure(await at.shop.release('1'), at.shop.context())
    assert.ok(!verdict.ok && verdict.refused)
    assert.match(verdict.reasons[0]?.hint ?? '', /lacks permissions/)
  })

  test('an execution that comes to no end is stopped: what works in it may end, and then it is brought back', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { never_ends: 'Deploy' })
    const clock = quickClock(async () => {
      if ((await at.shop.stops()).length > 0) await at.part.wish('codepipeline', { never_ends: null })
    })
    const verdict = await at.shop.open({ config: { timeoutMs: 600_000 }, clock }).ensure(request, at.shop.context())
    assert.match(
      messages(verdict),
      /^execution [0-9a-f]{8} takes longer than it may: Production\/Deploy is in progress; what ran before runs again$/,
    )
    const [stop] = await at.shop.stops()
    assert.equal(stop?.abandon, false)
    assert.match(stop?.reason ?? '', /^Trunkline: execution .* takes longer than it may/)
    assert.deepEqual(await statuses(), ['Succeeded', 'Stopped', 'Succeeded'])
  })

  test('one that does not even stop is given up in time', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { never_ends: 'Deploy' })
    await assert.rejects(at.shop.open({ config: { timeoutMs: 600_000 } }).ensure(request, at.shop.context()), {
      ...{ kind: 'errored', code: 'EXECUTION_NOT_STOPPED' },
    })
  })

  test('who cancels stops the execution without abandoning what works, and the next begins another', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { never_ends: 'Deploy' })
    const cancelling = new AbortController()
    const clock = quickClock(() => {
      if (context.lines.includes('Production/Deploy begins')) cancelling.abort(cancelledError())
    })
    const context = at.shop.context({ signal: cancelling.signal })
    await assert.rejects(at.shop.open({ clock }).ensure(request, context))
    assert.match(context.lines.at(-1) ?? '', /is stopped: what is running in it ends, nothing after that begins/)
    assert.deepEqual(
      (await at.shop.stops()).map(({ abandon }) => abandon),
      [false],
    )

    await at.part.wish('codepipeline', { never_ends: null })
    assert.deepEqual(await at.shop.open().ensure(request, at.shop.context()), { ok: true })
    assert.deepEqual(await statuses(), ['Succeeded', 'Stopped', 'Succeeded'])
  })

  test('who has lost the lease leaves the execution to whoever has it now', async () => {
    const request = await at.shop.settled()
    await at.part.wish('codepipeline', { never_ends: 'Deploy' })
    const ousted = new AbortController()
    const clock = quickClock(() => {
      if (context.lines.includes('Production/Deploy begins'))
        ousted.abort(refusedError('LEASE_LOST', 'another controller has it'))
    })
    const context = at.shop.context({ signal: ousted.signal })
    await assert.rejects(at.shop.open({ clock }).ensure(request, context), { code: 'LEASE_LOST' })
    assert.deepEqual(await at.shop.stops(), [])
    const next = at.shop.context()
    const patient = quickClock(() => at.part.wish('codepipeline', { never_ends: null }))
    assert.deepEqual(await at.shop.open({ clock: patient }).ensure(request, next), { ok: true })
    assert.match(next.lines.join('\n'), /goes on with execution [0-9a-f]{8}, which is in progress/)
    assert.equal((await at.shop.starts()).length, 2)
  })
})
