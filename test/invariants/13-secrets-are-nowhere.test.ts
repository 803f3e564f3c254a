/** Invariant 13: secrets are never in the ledger, an artifact, a log or an error; a changed one redeploys its users. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { erroredError } from '../../src/model/index.ts'
import { type Bench, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const secret = 'hunter2-is-a-very-secret-value'
const config = shopConfig((shop) => {
  Object.assign(shop.services['carts'] ?? {}, { env: { TOKEN: { from: 'TOKEN', secret: true } } })
  Object.assign(shop.environments['stage'] ?? {}, {
    hooks: { before: [{ name: 'migrate', run: 'migrate', service: 'carts' }] },
  })
})

async function secretBench(): Promise<Bench> {
  const bench = await createBench({ config })
  bench.environment['STAGE_TOKEN'] = secret
  bench.environment['PROD_TOKEN'] = secret
  return bench
}

/** Every object of the remote's state refs, everything in the artifact store, all that was said. */
async function everythingWritten(bench: Bench): Promise<string> {
  const refs = Object.keys(await bench.remote.refs()).filter((ref) => ref.startsWith('refs/trunkline/'))
  const history = await Promise.all(refs.map((ref) => bench.remote.git('log', '--patch', '--format=fuller', ref)))
  const folder = join(bench.place.directory, 'artifacts')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = await Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
  )
  return [...history, ...files, JSON.stringify(bench.progress), JSON.stringify(bench.notifications)].join('\n')
}

describe('13. secrets are nowhere', () => {
  test('not in the ledger, the artifacts, the progress or the notifications of a delivery', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1'))
    const written = await everythingWritten(bench)
    assert.ok(written.includes('carts'), 'it looked at the right things')
    assert.ok(!written.includes(secret))
    assert.ok(!written.includes(Buffer.from(secret).toString('base64')))
    assert.equal(bench.target('prod').state().received['carts']?.['TOKEN'], secret, 'the instances have it')
  })

  test('not when hooks, rollouts and platforms shout it in their failures', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    const stage = bench.target('stage')
    const shout = async (change: string, prepare: () => void) => {
      await bench.push('main', { 'carts/main.txt': change })
      prepare()
      return JSON.stringify(await bench.deliver('main'))
    }
    const ensure = stage.ensure
    stage.ensure = async () => ({
      ok: false,
      reasons: [{ code: 'x', message: `no ${secret}` }],
      logTail: [`is ${secret}`],
    })
    const failed = await shout('two', () => {})
    stage.ensure = ensure
    const errored = await shout('three', () => stage.fault('ensure', erroredError('X', `cannot ${secret}`), 10))
    stage.runJob = async () => ({ kind: 'ended', exitCode: 1, logTail: [`TOKEN=${secret}`] })
    const hooked = await shout('four', () => {})
    for (const answer of [failed, errored, hooked]) {
      assert.ok(!answer.includes(secret))
      assert.ok(answer.includes('•••') || answer.includes('exit code 1'))
    }
    assert.ok(!(await everythingWritten(bench)).includes(secret))
  })

  test('a missing secret is named, never shown; nothing is begun', async () => {
    await using bench = await secretBench()
    delete bench.environment['STAGE_TOKEN']
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.match(JSON.stringify(result), /carts needs TOKEN in stage/)
    assert.deepEqual(bench.target('stage').effects(), [])
  })

  test('a changed secret redeploys just its users', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    const before = bench.target('stage').effects().length
    bench.environment['STAGE_TOKEN'] = `${secret}-changed`
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const rolled = bench
      .target('stage')
      .effects()
      .slice(before)
      .map((effect) => effect.split(' ')[1])
    assert.deepEqual([...new Set(rolled)], ['carts'])
    const [entry] = (await bench.history('stage')).filter(({ event }) => event.kind === 'started')
    assert.ok(entry?.event.kind === 'started')
    assert.deepEqual(entry.event.services, ['carts'])
  })

  test('a release that was healthy is not banned because a new secret was wrong', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    bench.environment['STAGE_TOKEN'] = 'a-wrong-secret-value'
    bench.target('stage').failRollout('carts')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.deepEqual(await bench.yanks(), [])
  })

  test('fingerprints are keyed: equal secrets of two environments cannot be told to be equal from the ledger', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    const { running } = await bench.state('stage')
    const fingerprint = running?.services['carts']?.fingerprint ?? ''
    const { createHash } = await import('node:crypto')
    for (const guess of [secret, JSON.stringify({ TOKEN: secret }), `TOKEN=${secret}`])
      assert.notEqual(fingerprint, createHash('sha256').update(guess).digest('hex'))
  })

  test('a target that cannot be asked is unknown, not unchanged', async () => {
    await using bench = await secretBench()
    await bench.deliver('main')
    bench.target('stage').reachable = false
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
  })
})
