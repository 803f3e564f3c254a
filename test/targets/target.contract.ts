/** What every target does, whatever its platform. An adapter's test calls this with a way to open it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type DesiredService, TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, LogLine, Target, TargetContext } from '../../src/ports/index.ts'
import { endsAtOnce, neverHealthy, webApplication } from './applications.ts'
import { getJson, requestFor, shortStart } from './requests.ts'

export type TargetUnderTest = {
  target: Target
  /** An artifact with these files, in the store of `context`. */
  bundle(files: Record<string, string>): Promise<DesiredService['artifact']>
  /** Of a controller whose lease has this epoch. */
  context(epoch?: number): TargetContext & { lines: string[] }
  artifacts: ArtifactStore
  replicas: number
  close(): Promise<void>
}

const neverAborted = new AbortController().signal

/** `skip`: why this machine cannot run it. */
export function targetContract(name: string, open: () => Promise<TargetUnderTest>, skip: string | false = false): void {
  describe(`the target contract: ${name}`, { skip }, () => {
    let under: TargetUnderTest
    const observe = async (service: string) => {
      const observation = await under.target.observe([service], neverAborted)
      assert.ok(observation.reachable)
      const observed = observation.services[service]
      assert.ok(observed, 'a service that was asked for is in the answer')
      return observed
    }
    before(async () => {
      under = await open()
    })
    after(() => under.close())

    test('a service that never ran is observed as nothing', async () => {
      const { generation, artifact, instances } = await observe('nothing')
      assert.deepEqual(
        { generation, artifact, instances },
        { generation: null, artifact: null, instances: { ready: 0, desired: 0 } },
      )
    })

    test('ensure runs a service in full, and running it twice changes nothing', async () => {
      const request = requestFor('twice', await under.bundle(webApplication('1')))
      assert.deepEqual(await under.target.ensure(request, under.context()), { ok: true })
      const observed = await observe('twice')
      assert.equal(observed.generation, request.desired.generation)
      assert.equal(observed.artifact, request.desired.artifact)
      assert.deepEqual(observed.instances, { ready: under.replicas, desired: under.replicas })
      const pids = async () =>
        new Set(await Promise.all(Array.from({ length: 12 }, async () => (await getJson(observed.url))['pid'])))
      const before = await pids()
      assert.deepEqual(await under.target.ensure(request, under.context()), { ok: true })
      assert.deepEqual(new Set([...(await pids()), ...before]).size, under.replicas)
    })

    test('a new generation takes over at the same address, and the old one is gone', async () => {
      const first = requestFor('next', await under.bundle(webApplication('1')))
      const second = requestFor('next', await under.bundle(webApplication('2')))
      await under.target.ensure(first, under.context())
      const { url } = await observe('next')
      assert.equal((await getJson(url))['version'], '1')
      assert.deepEqual(await under.target.ensure(second, under.context()), { ok: true })
      const observed = await observe('next')
      assert.deepEqual([observed.url, observed.generation], [url, second.desired.generation])
      for (let turn = 0; turn < 8; turn++) assert.equal((await getJson(url))['version'], '2')
      const verdict = await under.target.verify(second, under.context())
      assert.deepEqual(verdict, { ok: true })
      const other = await under.target.verify(first, under.context())
      assert.equal(other.ok, false)
    })

    for (const [how, files] of [
      ['is never healthy', neverHealthy('2')],
      ['ends as soon as it begins', endsAtOnce('2')],
    ] as const) {
      test(`a generation that ${how} fails with its output, and the old one serves again in full`, async () => {
        const service = `broken-${files['main.js'].length}`
        const good = requestFor(service, await under.bundle(webApplication('1')))
        const bad = shortStart(requestFor(service, await under.bundle(files)))
        await under.target.ensure(good, under.context())
        const verdict = await under.target.ensure(bad, under.context())
        assert.ok(!verdict.ok)
        assert.ok(verdict.reasons.length > 0)
        assert.match(verdict.logTail?.join('\n') ?? '', /version 2 begins|cannot find the thing/)
        assert.doesNotMatch(JSON.stringify(verdict), /correct-horse-battery/)
        const observed = await observe(service)
        assert.equal(observed.generation, good.desired.generation)
        assert.deepEqual(observed.instances, { ready: under.replicas, desired: under.replicas })
        assert.equal((await getJson(observed.url))['version'], '1')
      })
    }

    test('a first deployment that fails leaves nothing running', async () => {
      const bad = shortStart(requestFor('stillborn', await under.bundle(neverHealthy('1'))))
      const verdict = await under.target.ensure(bad, under.context())
      assert.equal(verdict.ok, false)
      const { generation, instances } = await observe('stillborn')
      assert.deepEqual({ generation, ready: instances.ready }, { generation: null, ready: 0 })
    })

    test('a removed service is gone', async () => {
      await under.target.ensure(requestFor('leaving', await under.bundle(webApplication('1'))), under.context())
      const { url } = await observe('leaving')
      assert.deepEqual(await under.target.remove('leaving', under.context()), { ok: true })
      await assert.rejects(getJson(url))
      assert.equal((await observe('leaving')).generation, null)
      assert.deepEqual(await under.target.remove('leaving', under.context()), { ok: true })
    })

    test('fingerprints tell variables apart and say nothing about them', async () => {
      const fingerprints = (value: string) =>
        under.target.fingerprint({ carts: { PASSWORD: value }, other: { PASSWORD: value } }, neverAborted)
      const first = await fingerprints('a')
      assert.deepEqual(await fingerprints('a'), first)
      assert.notEqual((await fingerprints('b'))['carts'], first['carts'])
      assert.notEqual(first['carts'], first['other'])
      assert.doesNotMatch(JSON.stringify(await fingerprints('swordfish')), /swordfish/)
    })

    test('a job runs in the artifact with its variables, once for each key, and its end is remembered', async () => {
      const artifact = await under.bundle({ 'count.sh': 'echo "$NAME $SECRET"; echo again >>"$COUNT_FILE"; exit 5' })
      const job = {
        key: 'migrate-1',
        name: 'migrate',
        service: 'products',
        artifact,
        run: 'sh count.sh',
        variables: { NAME: 'orders', SECRET: 'correct-horse-battery', COUNT_FILE: '/dev/stderr' },
        secrets: ['SECRET'],
        timeoutMs: 20_000,
      }
      assert.deepEqual(await under.target.jobOutcome('migrate-1', neverAborted), { kind: 'never-started' })
      const context = under.context()
      const outcome = await under.target.runJob(job, context)
      assert.ok(outcome.kind === 'ended')
      assert.equal(outcome.exitCode, 5)
      assert.deepEqual(outcome.logTail, ['orders •••', 'again'])
      assert.deepEqual(context.lines, ['orders •••', 'again'])
      assert.deepEqual(await under.target.runJob(job, under.context()), outcome)
      assert.deepEqual(await under.target.jobOutcome('migrate-1', neverAborted), outcome)
    })

    test('a job that takes too long is ended with all it started', async () => {
      const artifact = await under.bundle({ 'long.sh': 'echo begins; sleep 100 & sleep 100' })
      const job = {
        key: 'long',
        name: 'long',
        service: 'products',
        artifact,
        run: 'sh long.sh',
        variables: {},
        timeoutMs: 500,
      }
      assert.deepEqual(await under.target.runJob(job, under.context()), { kind: 'timed-out', logTail: ['begins'] })
    })

    test('the output of a service can be read, without its secrets', async () => {
      await under.target.ensure(requestFor('talking', await under.bundle(webApplication('1'))), under.context())
      const lines: LogLine[] = []
      for await (const line of under.target.logs({ service: 'talking', lines: 50, follow: false }, neverAborted)) {
        lines.push(line)
      }
      assert.deepEqual(
        lines.map((line) => [line.stream, line.text]),
        Array.from({ length: under.replicas }, () => ['stdout', 'version 1 begins with secret •••']),
      )
    })

    test('a controller that has lost its lease changes nothing, where fencing is strict', async (context) => {
      if (under.target.capabilities.fencing !== 'strict') return context.skip('this target cannot fence strictly')
      const request = requestFor('fenced', await under.bundle(webApplication('1')))
      await under.target.ensure(request, under.context(7))
      const isStale = (error: unknown) =>
        error instanceof TrunklineError && error.kind === 'refused' && error.code === 'STALE_CONTROLLER'
      await assert.rejects(under.target.ensure(request, under.context(6)), isStale)
      await assert.rejects(under.target.remove('fenced', under.context(6)), isStale)
      assert.equal((await observe('fenced')).generation, request.desired.generation)
    })
  })
}
