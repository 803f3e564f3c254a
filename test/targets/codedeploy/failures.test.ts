/** What happens where instances, AWS or the controller do not do as expected. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancelledError, refusedError, type TrunklineError } from '../../../src/model/index.ts'
import type { RolloutRequest } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { diesAt } from '../killed.ts'
import {
  behindBalancer,
  type CodeDeployUnderTest,
  inTime,
  messages,
  openCodeDeploy,
  quickClock,
  rollsBack,
  seen,
} from './codedeploy-under-test.ts'

describe('virtual machines through CodeDeploy on bad days', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let fleet: CodeDeployUnderTest

  inAwsAccount(openCodeDeploy, (given) => {
    ;({ part, faults, opened: fleet } = given)
  })

  /** The first release runs. */
  async function settled(change: Parameters<CodeDeployUnderTest['makeGroup']>[0] = behindBalancer) {
    await fleet.makeGroup(change)
    assert.deepEqual(await fleet.open().ensure(await fleet.release('1'), fleet.context()), { ok: true })
    return await fleet.release('2')
  }

  const creators = async () => (await fleet.deployments()).map(({ creator, status }) => `${creator} ${status}`)
  const failure =
    'i-0b2: AfterInstall failed: scripts/migrate.sh: Script at specified location: scripts/migrate.sh failed with exit code 7 (ScriptFailed)'

  test('a script that fails is the cause, with what it wrote, and what ran before is deployed again', async () => {
    const request = await settled()
    await part.wish('codedeploy', { fails: { instance: 'i-0b2', event: 'AfterInstall' } })
    const context = fleet.context()
    const target = fleet.open()
    const verdict = await target.ensure(request, context)
    assert.equal(messages(verdict), `${failure}; what ran before runs again`)
    assert.ok(!verdict.ok && verdict.logTail?.includes('[stderr]no such table: carts'), 'the script is heard')
    assert.ok(context.lines.includes('i-0b2: [stderr]no such table: carts'))
    assert.deepEqual(await creators(), ['user Succeeded', 'user Failed', 'user Succeeded'])
    const observed = await seen(target)
    assert.deepEqual([observed.generation, observed.instances], ['generation-1', { ready: 2, desired: 2 }])
    const said: string[] = []
    for await (const { instance, text } of target.logs({ service: 'web', lines: 3, follow: false }, inTime())) {
      said.push(`${instance} ${text}`)
    }
    assert.deepEqual(said.slice(-1), ['i-0b2 ValidateService succeeded'])
  })

  test('a group that rolls back by itself is followed, and nothing is deployed twice', async () => {
    const request = await settled({ ...behindBalancer, ...rollsBack })
    await part.wish('codedeploy', { fails: { instance: 'i-0b2' } })
    const target = fleet.open()
    assert.equal(messages(await target.ensure(request, fleet.context())), `${failure}; what ran before runs again`)
    assert.deepEqual(await creators(), ['user Succeeded', 'user Failed', 'codeDeployRollback Succeeded'])
    assert.equal((await seen(target)).generation, 'generation-1')
  })

  test('a first deployment that fails has nothing to go back to, and says so', async () => {
    await fleet.makeGroup()
    await part.wish('codedeploy', { no_instances: true })
    const verdict = await fleet.open().ensure(await fleet.release('1'), fleet.context())
    assert.match(
      messages(verdict),
      /No instances found for your deployment group\. \(NO_INSTANCES\); nothing ran before/,
    )
    assert.ok(!verdict.ok && /Auto Scaling group/.test(verdict.reasons[0]?.hint ?? ''))
    assert.equal((await seen(fleet.open())).generation, null)
  })

  test('a deployment that comes no further is stopped, and the verdict names the instance and where it is', async () => {
    const request = await settled()
    await part.wish('codedeploy', { never_ends: { instance: 'i-0b2', event: 'ValidateService' } })
    const verdict = await fleet.open({ config: { stuckAfterMs: 60_000 } }).ensure(request, fleet.context())
    assert.match(
      messages(verdict),
      /comes no further: i-0b2 is at ValidateService since .*; what ran before runs again$/,
    )
    assert.deepEqual(await creators(), ['user Succeeded', 'user Stopped', 'codeDeployRollback Succeeded'])
  })

  test('a deployment that takes longer than it may is stopped', async () => {
    const request = await settled()
    await part.wish('codedeploy', { never_ends: { instance: 'i-0a1', event: 'Install' } })
    const target = fleet.open({ config: { timeoutMs: 60_000 } })
    assert.match(
      messages(await target.ensure(request, fleet.context())),
      /takes longer than it may: i-0a1 is at Install/,
    )
  })

  test('who cancels stops the deployment, and what comes after it waits for the way back', async () => {
    const request = await settled()
    await part.wish('codedeploy', { never_ends: true })
    const cancelling = new AbortController()
    const clock = quickClock((ms) =>
      clock.slept.length > 4 && ms > 0 ? cancelling.abort(cancelledError()) : undefined,
    )
    const context = fleet.context({ signal: cancelling.signal })
    await assert.rejects(fleet.open({ clock }).ensure(request, context))
    assert.match(context.lines.at(-1) ?? '', /is stopped; CodeDeploy brings back what ran before/)
    assert.deepEqual((await creators()).slice(0, 2), ['user Succeeded', 'user Stopped'])

    await part.wish('codedeploy', { never_ends: null })
    assert.deepEqual(await fleet.open().ensure(request, fleet.context()), { ok: true })
    assert.equal((await seen(fleet.open())).generation, 'generation-2')
  })

  test('who has lost the lease leaves the deployment to whoever has it now', async () => {
    const request = await settled()
    await part.wish('codedeploy', { never_ends: true })
    const ousted = new AbortController()
    const clock = quickClock(() =>
      clock.slept.length > 4 ? ousted.abort(refusedError('LEASE_LOST', 'another controller has it')) : undefined,
    )
    const context = fleet.context({ signal: ousted.signal })
    await assert.rejects(fleet.open({ clock }).ensure(request, context), { code: 'LEASE_LOST' })
    assert.deepEqual(faults.calls('codedeploy:StopDeployment'), [])
    await part.wish('codedeploy', { never_ends: null })
    const next = fleet.context()
    assert.deepEqual(await fleet.open().ensure(request, next), { ok: true })
    assert.match(next.lines.join('\n'), /goes on with .*, which is in progress/)
    assert.equal((await fleet.deployments()).length, 2)
  })

  const dyingAt = (call: number, request: RolloutRequest): Promise<boolean> =>
    diesAt(faults, { action: /^(?:codedeploy|s3):/, call }, (signal) =>
      fleet.open().ensure(request, fleet.context({ signal })),
    )

  test('a controller that dies at any call is followed by one that makes one deployment of it, and no other', async () => {
    await fleet.makeGroup()
    for (let call = 0; ; call += 1) {
      const request = await fleet.release(`${call}`, { strategy: 'all-at-once' })
      const died = await dyingAt(call, request)
      assert.deepEqual(await fleet.open().ensure(request, fleet.context()), { ok: true })
      assert.equal((await fleet.deployments()).length, call + 1)
      if (died) continue
      assert.ok(call > 12, `${call} calls`)
      break
    }
  })

  test('a controller that dies at any call while a deployment fails leaves one way back, and its verdict', async () => {
    await settled()
    await part.wish('codedeploy', { fails: { instance: 'i-0b2' } })
    for (let call = 6; ; call += 2) {
      const before = (await fleet.deployments()).length
      const request = await fleet.release(`bad ${call}`.replace(' ', '-'), { strategy: 'all-at-once' })
      const died = await dyingAt(call, request)
      assert.equal(
        messages(await fleet.open().ensure(request, fleet.context())),
        `${failure}; what ran before runs again`,
      )
      assert.equal((await seen(fleet.open())).generation, 'generation-1')
      assert.equal((await fleet.deployments()).length, before + 2, `after ${call} calls`)
      if (!died) break
    }
  })

  test('an answer that is lost makes no second deployment', async () => {
    await fleet.makeGroup()
    faults.fault('codedeploy:CreateDeployment', { kind: 'lose' }, { times: 1 })
    const context = fleet.context()
    assert.deepEqual(await fleet.open().ensure(await fleet.release('1'), context), { ok: true })
    assert.equal((await fleet.deployments()).length, 1)
    assert.match(context.lines.join('\n'), /goes on with .*, which is in progress/)
  })

  test('a failure that nobody saw counts when its deployment is taken up again, and not in the next', async () => {
    const request = await settled()
    await part.wish('codedeploy', { fails: { instance: 'i-0b2' } })
    faults.fault(
      'codedeploy:ListDeploymentTargets',
      { kind: 'denied', permission: 'codedeploy:ListDeploymentTargets', resource: '*' },
      { times: 1 },
    )
    await assert.rejects(fleet.open().ensure(request, fleet.context()), { code: 'AWS_ACCESS_DENIED' })
    const target = fleet.open()
    assert.equal(messages(await target.ensure(request, fleet.context())), `${failure}; what ran before runs again`)
    assert.equal(messages(await target.ensure(request, fleet.context())), `${failure}; what ran before runs again`)
    assert.deepEqual(await creators(), ['user Succeeded', 'user Failed', 'user Succeeded'])
    await part.wish('codedeploy', { fails: null })
    const next = fleet.context()
    Object.assign(next.deployment ?? {}, { id: 'd-prod-2' })
    assert.deepEqual(await target.ensure(request, next), { ok: true })
  })

  test('calls that are throttled are made again', async () => {
    await fleet.makeGroup()
    faults.fault(/codedeploy:/, { kind: 'throttle' }, { times: 3 })
    assert.deepEqual(await fleet.open().ensure(await fleet.release('1'), fleet.context()), { ok: true })
    assert.equal((await fleet.deployments()).length, 1)
  })

  test('an expired session and a missing permission are told as what they are', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    faults.fault(/codedeploy:/, { kind: 'expired' })
    await assert.rejects(fleet.open().ensure(request, fleet.context()), { code: 'AWS_CREDENTIALS_EXPIRED' })
    faults.clear()
    const resource = 'arn:aws:codedeploy:eu-west-1:123456789012:deploymentgroup:shop-web/prod'
    faults.fault('codedeploy:CreateDeployment', { kind: 'denied', permission: 'codedeploy:CreateDeployment', resource })
    await assert.rejects(fleet.open().ensure(request, fleet.context()), (error: TrunklineError) => {
      assert.equal(error.code, 'AWS_ACCESS_DENIED')
      assert.match(error.message, /lacks the permission codedeploy:CreateDeployment on arn:aws:codedeploy/)
      return true
    })
    assert.deepEqual(await fleet.deployments(), [])
  })
})
