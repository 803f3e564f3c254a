/** Appends over real git: races are told, numbers have no gaps, history only grows. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readCommitRecord, readRecords, writeRecords } from '../../src/ledger/index.ts'
import type { BuildRecord, CheckRecord, CommitRecord } from '../../src/model/index.ts'
import { createBench } from '../fixtures/world.ts'

const signal = AbortSignal.timeout(120_000)
/** Ids in tests are digits repeated; their brand is given here. */
const id = (digit: number, length = 64): never => String(digit).repeat(length) as never

const build = (digit: number, artifact: number): BuildRecord => ({
  version: 1,
  inputHash: id(digit),
  service: 'carts',
  artifact: `sha256:${id(artifact)}` as never,
  commit: id(1, 40),
  builder: 'test',
  at: '2026-01-01T00:00:00.000Z',
  durationMs: 1,
  provenance: null,
})
const check = (verdict: 'green' | 'red'): CheckRecord => ({
  version: 1,
  checkHash: id(5),
  service: 'carts',
  check: 'test',
  verdict,
  commit: id(1, 40),
  builder: 'test',
  at: '2026-01-01T00:00:00.000Z',
  durationMs: 1,
})
const author = { name: 'Ada', email: 'ada@example.com' }

describe('appending to the ledger', () => {
  test('two that decided on the same state cannot both write: the second learns that it lost', async () => {
    await using bench = await createBench()
    const { ledger } = bench.engine
    const position = await ledger.environment(await ledger.refresh(signal), 'stage')
    const first = await ledger.append(position, [{ kind: 'held' }], null, signal)
    const second = await ledger.append(position, [{ kind: 'resumed' }], null, signal)
    assert.deepEqual([first.kind, second.kind], ['appended', 'lost-race'])
    assert.deepEqual(await bench.kinds('stage'), ['held'])
  })

  test('many who hold and resume at once leave a history without gaps', async () => {
    await using bench = await createBench()
    const controllers = await Promise.all(Array.from({ length: 4 }, () => bench.controller()))
    await Promise.all(
      controllers.map(async (controller) => {
        await controller.hold('stage')
        await controller.resume('stage')
      }),
    )
    const events = (await bench.history('stage')).map(({ event }) => event)
    assert.deepEqual(
      events.map((event) => event.seq),
      events.map((_, index) => events.length - index),
    )
    assert.equal((await bench.state('stage')).seq, events.length)
  })

  test('events and lease are pushed together or not at all', async () => {
    await using bench = await createBench()
    const { ledger, world } = bench.engine
    const position = await ledger.environment(await ledger.refresh(signal), 'stage')
    const lease = {
      version: 1 as const,
      environment: 'stage',
      epoch: 1,
      holder: world.holder,
      renewal: 0,
      at: ledger.at(),
    }
    await ledger.append(position, [], { expected: null, lease }, signal)
    const other = { ...lease, holder: { ...world.holder, id: 'another' } }
    const late = await ledger.append(position, [{ kind: 'held' }], { expected: null, lease: other }, signal)
    assert.equal(late.kind, 'lost-race')
    assert.deepEqual(await bench.kinds('stage'), [])
  })

  test('history only grows: each tip is an ancestor of the next', async () => {
    await using bench = await createBench()
    const tips: string[] = []
    for (const act of [() => bench.deliver('main'), () => bench.hold('stage'), () => bench.resume('stage')]) {
      await act()
      tips.push((await bench.remote.refs())['refs/trunkline/env/stage'] ?? '')
    }
    for (const [index, tip] of tips.entries()) {
      const next = tips[index + 1]
      if (next !== undefined) await bench.remote.git('merge-base', '--is-ancestor', tip, next)
    }
  })

  test('`git log` of the ref is the history a person can read', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const log = await bench.remote.git('log', '--format=%s', 'refs/trunkline/env/stage')
    const version = (await bench.clone.head()).slice(0, 7)
    assert.deepEqual(log.split('\n'), [
      `stage: ${version} is live`,
      `stage: verified ${version}`,
      `stage: started ${version} (2 services)`,
    ])
  })

  test('of two builds of the same inputs the first is kept, and the second is told whose bytes count', async () => {
    await using bench = await createBench()
    const { ledger } = bench.engine
    const news = { checks: [], release: null, commit: null }
    assert.equal((await writeRecords(ledger, { ...news, builds: [build(1, 7)] }, author, signal)).kind, 'recorded')
    const second = await writeRecords(ledger, { ...news, builds: [build(1, 8), build(2, 8)] }, author, signal)
    assert.ok(second.kind === 'beaten')
    assert.deepEqual([...second.builds], [[id(1), `sha256:${id(7)}`]])
    const known = await readRecords(ledger, await ledger.refresh(signal), { builds: [id(1), id(2)], checks: [] })
    assert.deepEqual([...known.builds.keys()], [id(1)], 'all or nothing')
  })

  test('a red verdict may turn green by a retry, and a green one never red', async () => {
    await using bench = await createBench()
    const { ledger } = bench.engine
    const verdict = async (given: 'green' | 'red') => {
      await writeRecords(ledger, { builds: [], checks: [check(given)], release: null, commit: null }, author, signal)
      const known = await readRecords(ledger, await ledger.refresh(signal), { builds: [], checks: [id(5)] })
      return known.checks.get(id(5))?.verdict
    }
    assert.deepEqual([await verdict('red'), await verdict('green'), await verdict('red')], ['red', 'green', 'green'])
  })

  test('a commit’s release is recorded once: the answer is the record that stands', async () => {
    await using bench = await createBench()
    const { ledger } = bench.engine
    const released = (digit: number): CommitRecord => ({
      ...{ version: 1, commit: id(3, 40), at: '2026-01-01T00:00:00.000Z', builder: 'test', inputHashes: {} },
      outcome: 'released',
      release: id(digit),
    })
    const write = (commit: CommitRecord) =>
      writeRecords(ledger, { builds: [], checks: [], release: null, commit }, author, signal)
    await write(released(1))
    const second = await write(released(2))
    assert.ok(second.kind === 'recorded' && second.commit?.outcome === 'released' && second.commit.release === id(1))
    const known = await readCommitRecord(ledger, await ledger.refresh(signal), id(3, 40))
    assert.ok(known?.outcome === 'released' && known.release === id(1))
  })
})
