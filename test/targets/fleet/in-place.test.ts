/** A service with an `appspec.yml` on a real host: its own scripts stop, start and validate it, in CodeDeploy's order. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Digest } from '../../../src/model/index.ts'
import type { RolloutRequest } from '../../../src/ports/index.ts'
import { requestFor } from '../requests.ts'
import { eventually } from './eventually.ts'
import { type FleetUnderTest, openFleet } from './fleet-under-test.ts'

const signal = new AbortController().signal

describe('a service deployed in place', () => {
  let fleet: FleetUnderTest
  let root: string

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'trunkline-in-place-'))
    fleet = await openFleet(1)
  })
  after(async () => {
    const { pid } = running()
    await fleet.close()
    assert.ok(!isAlive(pid), 'a host that is given back has nothing of it running')
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })

  const events = () =>
    existsSync(join(root, 'events')) ? readFileSync(join(root, 'events'), 'utf8').split('\n').slice(0, -1) : []
  const since = (count: number) => events().slice(count)
  const running = () => {
    const pid = Number(readFileSync(join(root, 'pid'), 'utf8'))
    return { pid, version: readFileSync(join(root, 'srv/version.txt'), 'utf8').trim() }
  }
  const isAlive = (pid: number) => {
    // One that has ended stays in the table until its parent looks.
    try {
      return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch {
      return false
    }
  }

  /** Scripts write down event and version; `start` leaves a process running in the background. */
  const revision = (version: string, validate = 'true') => {
    const script = (body: string) =>
      `#!/bin/sh\necho "$LIFECYCLE_EVENT ${version} $MESSAGE" >> ${root}/events\n${body}\n`
    return fleet.bundle({
      'appspec.yml': `version: 0.0
os: linux
files: [{ source: app, destination: ${root}/srv }]
hooks:
  ApplicationStop: [{ location: scripts/stop.sh, timeout: 60 }]
  BeforeInstall: [{ location: scripts/plain.sh }]
  AfterInstall: [{ location: scripts/plain.sh }]
  ApplicationStart: [{ location: scripts/start.sh, timeout: 60 }]
  ValidateService: [{ location: scripts/validate.sh, timeout: 60 }]
`,
      'app/version.txt': `${version}\n`,
      'scripts/plain.sh': script(''),
      'scripts/stop.sh': script(`[ -f ${root}/pid ] && kill "$(cat ${root}/pid)" 2>/dev/null; rm -f ${root}/pid`),
      'scripts/start.sh': script(`nohup sleep 3600 >/dev/null 2>&1 &\necho $! > ${root}/pid`),
      'scripts/validate.sh': script(validate),
    })
  }

  const requestOf = (artifact: Digest): RolloutRequest => {
    const request = requestFor('legacy', artifact, { strategy: 'one-at-a-time' })
    const run = {
      kind: 'appspec',
      appspec: 'appspec.yml',
      ignoreStopFailures: false,
      port: null,
      health: null,
    } as const
    return { ...request, desired: { ...request.desired, run } }
  }
  const observed = async () => {
    const observation = await fleet.target.observe(['legacy'], signal)
    assert.ok(observation.reachable)
    return observation.services['legacy']
  }

  const forward = (version: string) =>
    ['BeforeInstall', 'AfterInstall', 'ApplicationStart', 'ValidateService'].map((event) => `${event} ${version} hello`)

  let one: RolloutRequest
  let two: RolloutRequest

  test('its first revision is installed and started, and goes on when the deployment is over', async () => {
    one = requestOf(await revision('1'))
    assert.deepEqual(await fleet.target.ensure(one, fleet.context()), { ok: true })
    assert.deepEqual(events(), forward('1'))
    const { pid, version } = running()
    assert.equal(version, '1')
    assert.ok(isAlive(pid), 'what its script left in the background still runs')
    const seen = await observed()
    assert.equal(seen?.generation, one.desired.generation)
    assert.deepEqual(seen?.instances, { ready: 1, desired: 1 })
    assert.deepEqual(await fleet.target.verify(one, fleet.context()), { ok: true })
  })

  test('deploying it again runs nothing', async () => {
    const count = events().length
    assert.deepEqual(await fleet.target.ensure(one, fleet.context()), { ok: true })
    assert.deepEqual(since(count), [])
  })

  test('the next revision is stopped for by the scripts of the one before', async () => {
    two = requestOf(await revision('2'))
    const count = events().length
    const { pid } = running()
    assert.deepEqual(await fleet.target.ensure(two, fleet.context()), { ok: true })
    assert.deepEqual(since(count), ['ApplicationStop 1 hello', ...forward('2')])
    assert.ok(!isAlive(pid))
    assert.equal(running().version, '2')
  })

  test('one that does not validate goes back, by name and with its output', async () => {
    const count = events().length
    const context = fleet.context()
    const verdict = await fleet.target.ensure(requestOf(await revision('3', 'echo "no answer" >&2; exit 3')), context)
    assert.ok(!verdict.ok)
    assert.deepEqual(
      verdict.reasons.map(({ code, message }) => [code, message]),
      [
        ['lifecycle-failed', 'legacy: ValidateService scripts/validate.sh ended with exit code 3'],
        ['restored', 'what ran before runs again'],
      ],
    )
    assert.ok(verdict.logTail?.includes('no answer'))
    assert.deepEqual(since(count), [
      'ApplicationStop 2 hello',
      ...forward('3'),
      'ApplicationStop 2 hello',
      ...forward('2'),
    ])
    assert.equal(running().version, '2')
    assert.equal((await observed())?.generation, two.desired.generation)
  })

  test('an agent killed in the middle changes nothing: the lifecycle goes on, and its end counts', async () => {
    const slow = requestOf(await revision('4', 'sleep 2'))
    const count = events().length
    const rollout = fleet.target.ensure(slow, fleet.context())
    await eventually('it validates', () => since(count).some((line) => line.startsWith('ValidateService')))
    assert.equal((await observed())?.generation, null, 'while it changes nothing counts as running')
    process.kill(await fleet.agentPid(), 'SIGKILL')
    assert.deepEqual(await rollout, { ok: true })
    assert.deepEqual(since(count), ['ApplicationStop 2 hello', ...forward('4')])
  })

  test('a controller that is cancelled leaves what another one brings to its end', async () => {
    const slow = requestOf(await revision('5', 'sleep 1'))
    const cancel = new AbortController()
    const count = events().length
    const rollout = fleet.target.ensure(slow, { ...fleet.context(), signal: cancel.signal })
    await eventually('it validates', () => since(count).some((line) => line.startsWith('ValidateService')))
    cancel.abort()
    await assert.rejects(rollout, { kind: 'cancelled' })
    assert.equal((await observed())?.generation, null)
    assert.deepEqual(await fleet.anotherTarget().ensure(slow, fleet.context(2)), { ok: true })
    assert.equal(running().version, '5')
    assert.equal((await observed())?.generation, slow.desired.generation)
  })

  test('an older controller is refused', async () => {
    await assert.rejects(fleet.target.ensure(one, fleet.context(1)), { code: 'STALE_CONTROLLER' })
  })

  test('removed, it is stopped by its scripts and its files are gone', async () => {
    const { pid } = running()
    assert.deepEqual(await fleet.target.remove('legacy', fleet.context(2)), { ok: true })
    assert.ok(!isAlive(pid))
    assert.ok(!existsSync(join(root, 'srv')))
    assert.deepEqual((await observed())?.instances, { ready: 0, desired: 0 })
  })

  test('deployed once more for the end: giving the host back stops it', async () => {
    assert.deepEqual(await fleet.target.ensure(two, fleet.context(3)), { ok: true })
    assert.ok(isAlive(running().pid))
  })
})
