import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type StagedStrategy, TrunklineError } from '../../../../src/model/index.ts'
import type { Job, LogLine, TargetContext } from '../../../../src/ports/index.ts'
import { networkHostsMissing } from '../../../parts/network-hosts.ts'
import { webApplication } from '../../applications.ts'
import { startLoad } from '../../load.ts'
import { getJson, requestFor } from '../../requests.ts'
import { eventually } from '../eventually.ts'
import { openSeveralHosts, replicas, type SeveralHosts } from './several-hosts.ts'

const soon = () => AbortSignal.timeout(60_000)
const count = 3

describe('a fleet of three hosts over SSH', { skip: networkHostsMissing() }, () => {
  let fleet: SeveralHosts
  before(async () => {
    fleet = await openSeveralHosts(count)
  })
  after(() => fleet.close())

  const requestOf = async (service: string, version: string, change: Parameters<typeof requestFor>[2] = {}) =>
    requestFor(service, await fleet.artifacts.addBundle(webApplication(version)), change)
  const deploy = async (service: string, version: string, change: Parameters<typeof requestFor>[2] = {}, epoch = 1) => {
    const request = await requestOf(service, version, change)
    const context = fleet.context(epoch)
    assert.deepEqual(await fleet.target.ensure(request, context), { ok: true })
    return { request, context }
  }
  const observe = async (service: string) => {
    const observation = await fleet.target.observe([service], soon())
    assert.ok(observation.reachable, JSON.stringify(observation))
    const observed = observation.services[service]
    assert.ok(observed)
    return observed
  }
  const versions = async (service: string) =>
    Promise.all((await fleet.urls(service)).map(async (url) => (await getJson(url))['version']))
  const nameOf = (index: number) => fleet.network.hosts[index]?.url ?? ''

  test('a host where nothing ran is looked at and nothing is brought to it', async () => {
    const { instances } = await observe('api')
    assert.deepEqual(instances, { ready: 0, desired: 0 })
    const files = await fleet.network.hosts[0]?.run('find', fleet.network.hosts[0].home, '-name', 'programs')
    assert.equal(files, '')
  })

  test('every host runs every service in full, and has the bytes of an artifact once', async () => {
    const api = await deploy('api', '1')
    assert.deepEqual((await observe('api')).instances, { ready: count * replicas, desired: count * replicas })
    assert.equal((await observe('api')).generation, api.request.desired.generation)
    assert.deepEqual(await versions('api'), ['1', '1', '1'])
    const bytesOfOne = await bytesOf(api.request.desired.artifact)
    assert.equal(api.context.sent.blobBytes, count * bytesOfOne, 'to each host once')

    const front = await deploy('front', '1', {
      desired: { env: { API_URL: { kind: 'service', service: 'api' }, SECRET: secret } },
    })
    assert.equal(front.context.sent.blobBytes, 0, 'the same bytes, that are there already')
    assert.deepEqual(await fleet.target.verify(front.request, fleet.context()), { ok: true })
  })

  test('a service is told the address of another at the router of its own host', async () => {
    for (const url of await fleet.urls('front')) {
      const environment = await getJson(url, '/environment')
      assert.match(String(environment['API_URL']), /^http:\/\/127\.0\.0\.1:\d+$/)
    }
  })

  test('one service changes under load at every router, host after host, and no request fails', async () => {
    const urls = await fleet.urls('api')
    assert.equal(urls.length, count)
    const loads = urls.map((url) => startLoad(url, 2))
    const { context } = await deploy('api', '2', { strategy: 'one-at-a-time' }).finally(() =>
      Promise.all(loads.map((load) => load.stop())),
    )
    for (const { result } of loads) {
      assert.deepEqual(result.failures, [])
      assert.deepEqual([...result.versions].sort(), ['1', '2'])
    }
    const order = context.lines.flatMap((line) => /^(\S+): starting/.exec(line)?.[1] ?? [])
    assert.deepEqual([...new Set(order)], [0, 1, 2].map(nameOf), 'a host begins when the one before it is done')
    assert.deepEqual(
      order,
      [...order].sort((left, right) => hostIndex(left) - hostIndex(right)),
    )
  })

  test('the output of all hosts is one, with their names', async () => {
    const lines: LogLine[] = []
    for await (const line of fleet.target.logs({ service: 'front', lines: 100, follow: false }, soon()))
      lines.push(line)
    const hosts = new Set(lines.map(({ instance }) => instance.slice(0, instance.lastIndexOf('/'))))
    assert.deepEqual([...hosts].sort(), [0, 1, 2].map(nameOf).sort())
    assert.equal(lines.length, count * replicas)
    assert.doesNotMatch(JSON.stringify(lines), /correct-horse/)
  })

  test('a job runs on one host, once, also when another host comes first in the list by then', async () => {
    const artifact = await fleet.artifacts.addBundle({
      'job.sh': 'hostname -I; cat $HOME/ran 2>/dev/null; echo x >>$HOME/ran',
    })
    const job: Job = {
      key: 'once',
      name: 'once',
      service: 'api',
      artifact,
      run: 'sh job.sh',
      variables: {},
      timeoutMs: 20_000,
    }
    const first = fleet.context()
    assert.deepEqual((await fleet.target.runJob(job, first)).kind, 'ended')
    assert.match(first.lines.join(), new RegExp(fleet.network.hosts[0]?.address ?? 'none'))
    const reversed = fleet.anotherTarget({ hosts: [2, 1, 0].map(nameOf) })
    const second = fleet.context()
    assert.deepEqual((await reversed.runJob(job, second)).kind, 'ended')
    assert.deepEqual(second.lines, first.lines, 'the same run')
    assert.equal((await reversed.jobOutcome('once', soon())).kind, 'ended')
  })

  test('fingerprints are the first host’s, and all hosts hold them', async () => {
    const variables = { keyed: { MESSAGE: 'hello', SECRET: 'correct-horse-battery' } }
    const { keyed: fingerprint } = await fleet.target.fingerprint(variables, soon())
    assert.ok(fingerprint)
    await deploy('keyed', '1', { desired: { fingerprint } })
    assert.equal((await observe('keyed')).fingerprint, fingerprint)
    assert.deepEqual(await fleet.target.remove('keyed', fleet.context()), { ok: true })
    assert.deepEqual((await observe('keyed')).instances, { ready: 0, desired: 0 })
  })

  test('what one host cannot run goes back on those that had moved, and never gets to the others', async () => {
    const broken = webApplication('3')
    const artifact = await fleet.artifacts.addBundle({
      'main.js': `if (process.env.HOME.includes('host2')) { console.error('not on this host'); process.exit(3) }\n${broken['main.js']}`,
    })
    const context = fleet.context()
    const request = requestFor('api', artifact, { strategy: 'one-at-a-time' })
    const verdict = await fleet.target.ensure(request, context)
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons.map(({ message }) => message).join('\n'), new RegExp(`${nameOf(1)}: `))
    assert.match(verdict.logTail?.join('\n') ?? '', /not on this host/)
    assert.deepEqual(await versions('api'), ['2', '2', '2'])
    assert.deepEqual((await observe('api')).instances, { ready: count * replicas, desired: count * replicas })
    const touched = (index: number) => context.lines.some((line) => line.startsWith(`${nameOf(index)}: starting`))
    assert.deepEqual([touched(0), touched(1), touched(2)], [true, true, false])
  })

  test('a controller that lost its lease changes nothing on any host', async () => {
    await deploy('fenced', '1', {}, 7)
    const stale = fleet.target.ensure(await requestOf('fenced', '2'), fleet.context(6))
    await assert.rejects(
      stale,
      (error: unknown) => error instanceof TrunklineError && error.code === 'STALE_CONTROLLER',
    )
    assert.deepEqual(await versions('fenced'), ['1', '1', '1'])
  })

  test('a host that is cut off in the middle is named, the others go back, and when it is back it converges', async () => {
    const cutOff = fleet.network.hosts[2]
    assert.ok(cutOff)
    const request = await requestOf('api', '4', { strategy: 'one-at-a-time' })
    const context = fleet.context(7)
    let isCut = false
    const log = (line: string) => {
      context.lines.push(line)
      if (isCut || !line.startsWith(`${cutOff.url}: starting`)) return
      isCut = true
      cutOff.setLink('down').catch(assert.fail)
    }
    const loads = (await fleet.urls('api')).slice(0, 2).map((url) => startLoad(url, 2))
    try {
      const isNamed = (error: unknown) =>
        error instanceof TrunklineError && error.kind === 'errored' && error.message.includes(cutOff.url)
      await assert.rejects(fleet.target.ensure(request, { ...context, log }), isNamed)
      assert.ok(isCut)
      const observation = await fleet.target.observe(['api'], soon())
      assert.ok(!observation.reachable)
      assert.match(observation.reasons.map(({ message }) => message).join(), new RegExp(cutOff.url))
      const others = fleet.anotherTarget({ hosts: [0, 1].map(nameOf) })
      const rest = await others.observe(['api'], soon())
      assert.ok(rest.reachable)
      assert.deepEqual(rest.services['api']?.instances, { ready: 2 * replicas, desired: 2 * replicas })
      assert.notEqual(rest.services['api']?.generation, request.desired.generation)
      assert.notEqual(rest.services['api']?.generation, null, 'nothing half-done is left')
    } finally {
      await cutOff.setLink('up')
      await Promise.all(loads.map((load) => load.stop()))
    }
    for (const { result } of loads) assert.deepEqual(result.failures, [])
    await eventually('the host is back', async () => (await fleet.target.observe(['api'], soon())).reachable, 60_000)
    assert.deepEqual(await fleet.target.ensure(request, fleet.context(8)), { ok: true })
    assert.deepEqual(await versions('api'), ['4', '4', '4'])
    assert.equal((await observe('api')).generation, request.desired.generation)
  })

  test('a controller that is killed in the middle leaves it to the next, and no request fails', async () => {
    const loads = (await fleet.urls('api')).map((url) => startLoad(url, 1))
    try {
      await killedController(fleet)
      await deploy('api', '5', { strategy: 'one-at-a-time' }, 10)
    } finally {
      await Promise.all(loads.map((load) => load.stop()))
    }
    for (const { result } of loads) assert.deepEqual(result.failures, [])
    assert.deepEqual(await versions('api'), ['5', '5', '5'])
    assert.deepEqual((await observe('api')).instances, { ready: count * replicas, desired: count * replicas })
  })

  const canary: StagedStrategy = {
    kind: 'canary',
    stages: [50, 100].map((weight) => ({ weight, pauseMs: 0, verify: ['it works'] })),
  }
  /** Which versions each router gives out, in some requests. */
  const mixtures = async (service: string) =>
    Promise.all(
      (await fleet.urls(service)).map(async (url) => {
        const seen = new Set<unknown>()
        for (let turn = 0; turn < 8; turn++) seen.add((await getJson(url))['version'])
        return [...seen].sort().join()
      }),
    )

  test('a canary goes over the hosts in step, and each is looked at by itself', async () => {
    const loads = (await fleet.urls('api')).map((url) => startLoad(url, 1))
    const stages: string[] = []
    const verifyStage: TargetContext['verifyStage'] = async ({ weight, address }) => {
      assert.equal((await getJson(address))['version'], '6')
      stages.push(`${weight} % at ${new URL(address ?? '').hostname}: ${(await mixtures('api')).join(' ')}`)
      return { ok: true }
    }
    try {
      const request = await requestOf('api', '6', { strategy: canary })
      assert.deepEqual(await fleet.target.ensure(request, { ...fleet.context(11), verifyStage }), { ok: true })
    } finally {
      await Promise.all(loads.map((load) => load.stop()))
    }
    for (const { result } of loads) assert.deepEqual(result.failures, [])
    const addresses = fleet.network.hosts.map(({ address }) => address)
    assert.deepEqual(stages, [
      ...addresses.map((address) => `50 % at ${address}: 5,6 5,6 5,6`),
      ...addresses.map((address) => `100 % at ${address}: 6 6 6`),
    ])
  })

  test('a canary that fails at one host goes back on all of them', async () => {
    const last = fleet.network.hosts[2]?.address ?? ''
    const verifyStage: TargetContext['verifyStage'] = async ({ address }) =>
      new URL(address ?? '').hostname === last
        ? { ok: false, reasons: [{ code: 'broken', message: 'not on this host' }] }
        : { ok: true }
    const request = await requestOf('api', '7', { strategy: canary })
    const verdict = await fleet.target.ensure(request, { ...fleet.context(11), verifyStage })
    assert.ok(!verdict.ok)
    assert.equal(verdict.reasons.filter(({ code }) => code === 'restored').length, count)
    assert.deepEqual(await mixtures('api'), ['6', '6', '6'])
    assert.deepEqual((await observe('api')).instances, { ready: count * replicas, desired: count * replicas })
  })

  const hostIndex = (name: string) => [0, 1, 2].findIndex((index) => nameOf(index) === name)
  const bytesOf = async (artifact: Parameters<typeof fleet.artifacts.manifest>[0]) => {
    const { config, layers } = await fleet.artifacts.manifest(artifact)
    return [config, ...layers].reduce((sum, { size }) => sum + size, 0)
  }
})

const secret = { kind: 'from', from: 'SECRET', secret: true, default: null } as const

/** Another process rolls out version 5, and is killed when the second host begins. */
async function killedController(fleet: SeveralHosts): Promise<void> {
  const script = fileURLToPath(new URL('./controller.ts', import.meta.url))
  const hosts = fleet.network.hosts.map(({ url }) => url).join(',')
  const child = spawn(process.execPath, [script, fleet.network.folder, fleet.network.configFile, hosts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const second = fleet.network.hosts[1]?.url ?? ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith(`${second}: starting`)) child.kill('SIGKILL')
  }
  await ended
  assert.equal(child.signalCode, 'SIGKILL')
}
