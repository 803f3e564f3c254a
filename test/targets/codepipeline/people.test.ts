/** What people do to an execution: they say no, or nothing, stop it, hold it up, start another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DisableStageTransitionCommand,
  EnableStageTransitionCommand,
  StopPipelineExecutionCommand,
  UpdatePipelineCommand,
} from '@aws-sdk/client-codepipeline'
import type { TrunklineError } from '../../../src/model/index.ts'
import {
  approved,
  describePipelines,
  inTime,
  messages,
  name,
  quickClock,
  source,
  user,
} from './codepipeline-under-test.ts'

describePipelines('a pipeline in the hands of people', (at) => {
  const statuses = async () => (await at.shop.executions()).map(({ status }) => status)

  test('an approval that a person rejects is a no, not a failure, and what was changed before it is brought back', async () => {
    await at.shop.makePipeline(approved(at.shop.bucket))
    const config = { approvals: ['Release'] }
    assert.deepEqual(await at.shop.open({ config }).ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    const clock = quickClock(async () => {
      const asked = context.lines.filter((line) => line.includes('waits for the approval')).length
      if (asked > 0) await at.shop.answer(asked === 1 ? 'Rejected' : 'Approved', 'not today')
    })
    const context = at.shop.context()
    const verdict = await at.shop.open({ clock, config: { approvals: [] } }).ensure(await at.shop.release('2'), context)
    assert.ok(!verdict.ok && verdict.refused)
    assert.equal(verdict.reasons[0]?.message, 'Production/Release was rejected in CodePipeline by bob: not today')
    assert.equal(verdict.reasons[1]?.message, 'what ran before runs again')
    assert.deepEqual(await statuses(), ['Succeeded', 'Failed', 'Succeeded'])
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
