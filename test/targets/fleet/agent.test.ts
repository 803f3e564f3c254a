import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '../../../src/clock/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import type { Job } from '../../../src/ports/index.ts'
import { isSameProcessAlive, processStartTime } from '../../../src/process/index.ts'
import { findMarked } from '../../../src/targets/fleet/agent/detached-process.ts'
import { choosePort } from '../../../src/targets/fleet/agent/host.ts'
import { createFleetTarget, removeFleetProject, shutDownFleet } from '../../../src/targets/fleet/index.ts'
import { webApplication, worker } from '../applications.ts'
import { getJson, requestFor } from '../requests.ts'
import { eventually } from './eventually.ts'
import { type FleetUnderTest, openFleet } from './fleet-under-test.ts'

const soon = () => AbortSignal.timeout(30_000)

/** Command lines (Linux) in which a folder stands: its agent and its router. */
const processesThatName = (folder: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
    .filter((command) => command.includes(folder))

describe('the fleet agent', () => {
  let fleet: FleetUnderTest
  before(async () => {
    fleet = await openFleet(2)
  })
  after(() => fleet.close())

  const deploy = async (service: string, change: Parameters<typeof requestFor>[2] = {}, version = '1') => {
    const request = requestFor(service, await fleet.bundle(webApplication(version)), change)
    assert.deepEqual(await fleet.target.ensure(request, fleet.context()), { ok: true })
    return request
  }
  /** Pids of the instances behind an address. */
  const pidsOf = async (url: string) => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => getJson(url)))
    return [...new Set(answers.map((answer) => Number(answer['pid'])))].sort()
  }
  const observe = async (service: string) => {
    const observation = await fleet.target.observe([service], soon())
    assert.ok(observation.reachable)
    const observed = observation.services[service]
    assert.ok(observed)
    return observed
  }
  const killAgent = async () => {
    const pid = await fleet.agentPid()
    const startedAt = processStartTime(pid)
    process.kill(pid, 'SIGKILL')
    await eventually('the agent is dead', () => !isSameProcessAlive(pid, startedAt))
  }
  const job = async (key: string, run: string, change: Partial<Job> = {}): Promise<Job> => ({
    key,
    name: key,
    service: 'jobs',
    artifact: await fleet.bundle({ 'readme.txt': 'a job' }),
    run,
    variables: {},
    timeoutMs: 30_000,
    ...change,
  })

  test('killed and started again, it takes over every instance and restarts none', async () => {
    await deploy('steady')
    const url = await fleet.url('steady')
    const before = await pidsOf(url)
    await killAgent()
    assert.deepEqual(await pidsOf(url), before, 'served without any agent')
    assert.deepEqual((await observe('steady')).instances, { ready: 2, desired: 2 })
    assert.deepEqual(await pidsOf(url), before)
  })

  test('an instance it had no time to record the process of is found, not started twice', async () => {
    const url = await fleet.url('steady')
    const before = await pidsOf(url)
    await killAgent()
    for (const id of readdirSync(fleet.paths.instances).filter((name) => name.startsWith('steady-'))) {
      const path = join(fleet.paths.instances, id, 'launch.json')
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), process: null }))
    }
    assert.deepEqual((await observe('steady')).instances, { ready: 2, desired: 2 })
    assert.deepEqual(await pidsOf(url), before)
  })

  test('an instance it took over is restarted when it dies', async () => {
    const url = await fleet.url('steady')
    const [first = 0] = await pidsOf(url)
    process.kill(first, 'SIGKILL')
    await eventually('two instances serve, one of them new', async () => {
      const pids = await pidsOf(url)
      return pids.length === 2 && !pids.includes(first)
    })
    await eventually('both count as ready', async () => (await observe('steady')).instances.ready === 2)
  })

  test('an older agent is replaced by the first newer controller, and services keep running', async () => {
    const url = await fleet.url('steady')
    const before = await pidsOf(url)
    const oldPid = await fleet.agentPid()
    const newer = fleet.anotherTarget({
      version: '99.0.0',
      agentCommand: [process.execPath, fileURLToPath(new URL('./newer-agent.ts', import.meta.url)), fleet.paths.root],
    })
    assert.ok((await newer.observe(['steady'], soon())).reachable)
    assert.notEqual(await fleet.agentPid(), oldPid)
    assert.deepEqual(await pidsOf(url), before)
    assert.deepEqual((await observe('steady')).instances, { ready: 2, desired: 2 }, 'an older controller still may ask')
  })

  test('invariant 3: an instance receives what is declared, its port and the base, and nothing that varies', async () => {
    process.env['LEAKED_FROM_CONTROLLER'] = 'yes'
    await deploy('receives', { desired: { env: { MODE: { kind: 'value', value: 'calm' } } } })
    const environment = await getJson(await fleet.url('receives'), '/environment')
    delete process.env['LEAKED_FROM_CONTROLLER']
    const shellsOwn = ['PWD', 'OLDPWD', 'SHLVL', '_']
    assert.deepEqual(
      Object.keys(environment)
        .filter((name) => !shellsOwn.includes(name))
        .sort(),
      ['HOME', 'LANG', 'MESSAGE', 'MODE', 'PATH', 'PORT', 'SECRET', 'TMPDIR', 'TRUNKLINE_PROCESS'],
    )
    assert.equal(environment['MODE'], 'calm')
  })

  test('invariant 13: a changed secret redeploys its user, and is in no log and no file that others may read', async () => {
    const secretOf = async (value: string) => {
      const variables = { SECRET: value, MESSAGE: value.length.toString() }
      const { carts } = await fleet.target.fingerprint({ carts: variables }, soon())
      const request = await deploy('carts', { variables, desired: { generation: 'same', fingerprint: carts ?? null } })
      const observed = await observe('carts')
      assert.deepEqual([observed.generation, observed.fingerprint], ['same', request.desired.fingerprint])
      return getJson(await fleet.url('carts'))
    }
    const first = await secretOf('first-secret-value')
    const second = await secretOf('the-second-secret-value')
    assert.notEqual(first['pid'], second['pid'])
    assert.equal(second['message'], '23')
    assert.doesNotMatch(readFileSync(fleet.paths.log, 'utf8'), /secret-value/)
    for (const entry of readdirSync(fleet.paths.root, { recursive: true, withFileTypes: true })) {
      // Pids and exit codes that shells write are under the folder's protection alone.
      if (!/\.(json|log|key)$/.test(entry.name)) continue
      const path = join(entry.parentPath, entry.name)
      const { mode } = statSync(path)
      assert.equal(mode & 0o077, 0, `${path} is for its owner only`)
    }
    for (const folder of [fleet.paths.root, fleet.paths.instances]) assert.equal(statSync(folder).mode & 0o077, 0)
    assert.equal(statSync(fleet.paths.socket).mode & 0o777, 0o600)
  })

  test('a service is told the address another one will have, before that one ever ran', async () => {
    await deploy('frontend', { desired: { env: { MESSAGE: { kind: 'service', service: 'backend' } } } })
    const { message } = await getJson(await fleet.url('frontend'))
    await deploy('backend')
    assert.equal(message, await fleet.url('backend'))
  })

  test('a service is told anew when the address of another one moves', async () => {
    const request = requestFor('shop', await fleet.bundle(webApplication('1')), {
      desired: { env: { MESSAGE: { kind: 'service', service: 'mover' } } },
    })
    const messageAt = async (port: number) => {
      const config = { hosts: ['local'], replicas: 1, ports: { mover: port }, listen: '127.0.0.1' }
      assert.deepEqual(await fleet.anotherTarget({ config }).ensure(request, fleet.context()), { ok: true })
      return (await getJson(await fleet.url('shop')))['message']
    }
    for (let count = 0; count < 2; count++) {
      const port = await choosePort(new Set(), systemRandom)
      assert.equal(await messageAt(port), `http://127.0.0.1:${port}`)
    }
  })

  test('a service without a port is healthy when it stays alive, and its output can be followed', async () => {
    const request = requestFor('worker', await fleet.bundle(worker))
    request.desired.run = { ...request.desired.run, port: null, health: null }
    assert.deepEqual(await fleet.target.ensure(request, fleet.context()), { ok: true })
    const observed = await observe('worker')
    assert.deepEqual([observed.url, observed.instances], [null, { ready: 2, desired: 2 }])
    const following = new AbortController()
    const seen: string[] = []
    for await (const line of fleet.target.logs({ service: 'worker', lines: 3, follow: true }, following.signal)) {
      assert.ok(Math.abs(Date.parse(line.at) - Date.now()) < 60_000, `${line.at} is about now`)
      seen.push(line.text)
      if (seen.length > 10) break
    }
    following.abort()
    assert.deepEqual(new Set(seen.slice(3)), new Set(['worked']))
  })

  test('a job goes on while the agent is killed, and the next agent knows how it ended', async () => {
    const long = await job('survivor', 'echo begins; sleep 2; echo ends; exit 4')
    const context = fleet.context()
    const running = fleet.target.runJob(long, context)
    await eventually('the job has begun', () => context.lines.includes('begins'))
    await killAgent()
    assert.deepEqual(await running, { kind: 'ended', exitCode: 4, logTail: ['begins', 'ends'] })
  })

  test('a job that was killed without a trace has an unknown outcome, and does not run again', async () => {
    const doomed = await job('doomed', 'echo begins; kill -9 -$PPID 2>/dev/null; kill -9 0')
    assert.deepEqual(await fleet.target.runJob(doomed, fleet.context()), { kind: 'unknown' })
    assert.deepEqual(await fleet.target.jobOutcome('doomed', soon()), { kind: 'unknown' })
    const context = fleet.context()
    assert.deepEqual(await fleet.target.runJob(doomed, context), { kind: 'unknown' })
  })

  test('a cancelled job is stopped, and how far it came is unknown', async () => {
    const long = await job('cancelled', 'echo begins; sleep 100')
    const cancelling = new AbortController()
    const context = { ...fleet.context(), signal: cancelling.signal, log: () => cancelling.abort() }
    await assert.rejects(
      fleet.target.runJob(long, context),
      (error: unknown) => error instanceof TrunklineError && error.kind === 'cancelled',
    )
    await eventually('the job is over', async () => {
      const { kind } = await fleet.target.jobOutcome('cancelled', soon())
      return kind === 'unknown'
    })
  })

  test('a process that an agent started and had no time to record is ended by the next', async (context) => {
    if (process.platform !== 'linux') return context.skip('only Linux lets us read the environment of a process')
    const orphan = spawn('sleep', ['1000'], {
      env: { ...process.env, TRUNKLINE_PROCESS: `${fleet.paths.fleetId}.carts-0000.never-recorded` },
      detached: true,
      stdio: 'ignore',
    })
    const ended = new Promise<string | null>((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)))
    await killAgent()
    await fleet.target.observe([], soon())
    assert.equal(await ended, 'SIGKILL')
  })

  test('the router is started again when it dies, and the services are back at their addresses', async () => {
    const url = await fleet.url('steady')
    const before = await pidsOf(url)
    process.kill(await fleet.routerPid(), 'SIGKILL')
    await eventually('the address answers again', async () => (await pidsOf(url)).length === 2)
    assert.deepEqual(await pidsOf(url), before)
  })

  test('a fleet is ended in full also while its router is just coming back', async (context) => {
    if (process.platform !== 'linux') return context.skip('only Linux lets us read the command of a process')
    const other = await openFleet(2)
    try {
      const request = requestFor('steady', await other.bundle(webApplication('1')))
      assert.deepEqual(await other.target.ensure(request, other.context()), { ok: true })
      const router = await other.routerPid()
      const startedAt = processStartTime(router)
      process.kill(router, 'SIGKILL')
      await eventually('the router is dead', () => !isSameProcessAlive(router, startedAt))
      await shutDownFleet({ home: other.home, clock: systemClock }, 'stop', AbortSignal.timeout(60_000))
      await eventually('nothing is left', () => processesThatName(other.home.root).length === 0)
      // Nor does anything come up that was on its way.
      await sleep(1000)
      assert.deepEqual([processesThatName(other.home.root), findMarked(other.paths.fleetId)], [[], []])
    } finally {
      await other.close()
    }
  })

  test('a fixed port is used', async () => {
    const port = await choosePort(new Set(), systemRandom)
    const fixed = fleet.anotherTarget({
      config: { hosts: ['local'], replicas: 1, ports: { fixed: port }, listen: '127.0.0.1' },
    })
    await fixed.ensure(requestFor('fixed', await fleet.bundle(webApplication('1'))), fleet.context())
    assert.equal(await fleet.url('fixed'), `http://127.0.0.1:${port}`)
  })

  test('removing a project leaves other projects alone and nothing of itself', async () => {
    const other = createFleetTarget({
      config: { hosts: ['local'], replicas: 1, ports: {}, listen: '127.0.0.1' },
      project: 'other',
      environment: 'stage',
      home: fleet.home,
      clock: systemClock,
    })
    await other.ensure(requestFor('steady', await fleet.bundle(webApplication('9'))), fleet.context())
    await removeFleetProject({ home: fleet.home, clock: systemClock }, 'shop', AbortSignal.timeout(60_000))
    assert.equal((await observe('steady')).url, null)
    const observation = await other.observe(['steady'], soon())
    assert.ok(observation.reachable)
    assert.equal((await getJson(observation.services['steady']?.url ?? null))['version'], '9')
  })
})
