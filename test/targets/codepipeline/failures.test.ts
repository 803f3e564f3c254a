/** What happens where an action, a person, AWS or the controller does not do as expected. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DisableStageTransitionCommand,
  EnableStageTransitionCommand,
  StopPipelineExecutionCommand,
  UpdatePipelineCommand,
} from '@aws-sdk/client-codepipeline'
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { cancelledError, refusedError, type TrunklineError } from '../../../src/model/index.ts'
import {
  approved,
  deploy,
  describePipelines,
  inTime,
  messages,
  name,
  plain,
  quickClock,
  seen,
  source,
  user,
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

  test('an approval that a person rejects is a no, not a failure, and what was changed before it is brought back', async () => {
    await at.shop.makePipeline(approved(at.shop.bucket))
    const config = { approvals: ['Release'] }
    assert.deepEqual(await at.shop.open({ config }).ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    const clock = quickClock(async () => {
      if (context.lines.some((line) => line.includes('waits for the approval')))
        await at.shop.answer('Rejected', 'not today')
    })
    const context = at.shop.context()
    const verdict = await at.shop.open({ clock, config: { approvals: [] } }).ensure(await at.shop.release('2'), context)
    assert.ok(!verdict.ok && verdict.refused)
    assert.equal(verdict.reasons[0]?.message, 'Production/Release was rejected in CodePipeline by bob: not today')
    assert.match(verdict.reasons[1]?.message ?? '', /could not be brought back: Production\/Release was rejected/)
  })

  test('a person who does not answer is waited for so long and no longer; only the question is dropped', async () => {
    await at.shop.makePipeline([
      { name: 'Source', actions: [source(at.shop.bucket)] },
      { name: 'Production', actions: approved(at.shop.bucket)[2]?.actions ?? [] },
    ])
    const notes: string[] = []
    const context = at.shop.context({ note: (line) => notes.push(line) })
    const target = at.shop.open({ config: { waitForPeopleMs: 600_000, timeoutMs: 60_000 } })
    const verdict = await target.ensure(await at.shop.release('1'), context)
    assert.ok(!verdict.ok && verdict.refused, messages(verdict))
    assert.match(
      messages(verdict),
      /waits for the approval Production\/Release, longer than it may; what ran before still/,
    )
    assert.equal(notes.length, 1, 'said once, where people see it')
    assert.equal((await at.shop.stops())[0]?.abandon, true)
    assert.match(
      context.lines.join('\n'),
      /waits for the approval Production\/Release by a person: https:\/\/eu-west-1\.console\.aws\.amazon\.com\/codesuite\/codepipeline\/pipelines\/shop-web-prod\/view/,
    )
  })

  test('a disabled transition is told, with who disabled it and why, and gone past when it is enabled again', async () => {
    const request = await at.shop.settled()
    const transition = { pipelineName: name, stageName: 'Production', transitionType: 'Inbound' } as const
    await at.part.wish('codepipeline', { user })
    const disable = new DisableStageTransitionCommand({ ...transition, reason: 'freeze' })
    await at.shop.aws.send(at.shop.client, disable, { signal: inTime() })
    const examined = (await at.shop.open().examine?.(['web'], inTime())) ?? []
    assert.match(examined.at(-1)?.message ?? '', /^before Production: .*user\/bob|bob has disabled the transition/)
    const clock = quickClock(async () => {
      if (!context.lines.some((line) => line.includes('has disabled'))) return
      await at.shop.aws.send(at.shop.client, new EnableStageTransitionCommand(transition), { signal: inTime() })
    })
    const context = at.shop.context()
    assert.deepEqual(await at.shop.open({ clock }).ensure(request, context), { ok: true })
    assert.match(
      context.lines.join('\n'),
      /execution [0-9a-f]{8} waits before Production: bob has disabled the transition since 2\S+Z: freeze\n/,
    )
  })

  test('an execution that a newer one overtakes says nothing about the release, and is left as it is', async () => {
    const request = await at.shop.settled()
    const transition = { pipelineName: name, stageName: 'Production', transitionType: 'Inbound' } as const
    const disable = new DisableStageTransitionCommand({ ...transition, reason: 'freeze' })
    await at.shop.aws.send(at.shop.client, disable, { signal: inTime() })
    let isStarted = false
    const clock = quickClock(async () => {
      if (isStarted || !context.lines.some((line) => line.includes('has disabled'))) return
      isStarted = true
      await at.shop.putNewest()
      await at.shop.byHand()
    })
    const context = at.shop.context()
    const verdict = await at.shop.open({ clock }).ensure(request, context)
    assert.ok(!verdict.ok && verdict.refused, messages(verdict))
    assert.match(messages(verdict), /was overtaken by execution [0-9a-f]{8}, started by bob; it is left as it is/)
    assert.deepEqual(await statuses(), ['Succeeded', 'Superseded', 'InProgress'])
  })

  for (const [what, status] of [
    ['stopped by a person', 'was stopped, and not by Trunkline: no good'],
    ['cancelled by a change of the pipeline', 'was cancelled: somebody changed the pipeline meanwhile'],
  ] as const) {
    test(`an execution that is ${what} is told as that`, async () => {
      const pipeline = await at.shop.makePipeline()
      await at.part.wish('codepipeline', { never_ends: 'Build' })
      let isDone = false
      const clock = quickClock(async () => {
        if (isDone || !context.lines.includes('Test/Build begins')) return
        isDone = true
        const pipelineExecutionId = (await at.shop.executions())[0]?.pipelineExecutionId
        const stop = { pipelineName: name, pipelineExecutionId, abandon: true, reason: 'no good' }
        if (what.startsWith('stopped'))
          await at.shop.aws.send(at.shop.client, new StopPipelineExecutionCommand(stop), { signal: inTime() })
        else await at.shop.aws.send(at.shop.client, new UpdatePipelineCommand({ pipeline }), { signal: inTime() })
      })
      const context = at.shop.context()
      const verdict = await at.shop.open({ clock }).ensure(await at.shop.release('1'), context)
      assert.ok(!verdict.ok && verdict.refused, messages(verdict))
      assert.match(messages(verdict), new RegExp(status))
    })
  }

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

  test("somebody else's execution is waited for, its approval is never passed, and it holds us up only so long", async () => {
    await at.shop.makePipeline(approved(at.shop.bucket))
    await at.shop.putNewest()
    const theirs = await at.shop.byHand()
    const context = at.shop.context()
    const config = { approvals: ['Production/Release'], timeoutMs: 600_000 }
    const request = await at.shop.release('1')
    await assert.rejects(at.shop.open({ config }).ensure(request, context), (error: TrunklineError) => {
      assert.equal(error.code, 'PIPELINE_BUSY')
      assert.match(error.message, new RegExp(`busy with execution ${theirs.slice(0, 8)}, started by bob`))
      return true
    })
    assert.deepEqual(await at.shop.approvals(), [])
    await at.shop.answer('Approved', 'fine')
    assert.deepEqual(await at.shop.open({ config }).ensure(request, at.shop.context()), { ok: true })
    const given = (await at.shop.approvals()).map(({ execution, status }) => [execution === theirs, status])
    assert.deepEqual(given, [
      [true, 'Approved'],
      [false, 'Approved'],
    ])
  })
})
