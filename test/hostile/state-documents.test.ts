/** Whoever may push can write anything under the state refs: it is checked, named, and never acted on. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseDocument } from '../../src/ledger/document.ts'
import { initialState } from '../../src/ledger/index.ts'
import { parseBuildRecord, parseRelease } from '../../src/ledger/records.ts'
import { stateShape } from '../../src/ledger/shapes/documents.ts'
import { createBench } from '../fixtures/world.ts'
import { documents, ids } from '../fuzz/targets/record-seeds.ts'

const stage = 'refs/trunkline/env/stage'
const state = documents.states.find(({ running: runs, deployment }) => runs !== null && deployment === null)
assert.ok(state?.running)
const { running } = state
const carts = { ...running.services['carts'], artifact: '../../etc' }

const unreadable = (place: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && 'code' in error, String(error))
  assert.equal(error.code, 'STATE_UNREADABLE', error.message)
  assert.match(error.message, place)
  return true
}

describe('documents under the state refs', () => {
  const changes: ReadonlyArray<readonly [what: string, change: object, place: RegExp]> = [
    [
      'a path where a digest belongs',
      { running: { ...running, services: { carts } } },
      /\.artifact is not a sha256 digest/,
    ],
    ['a name with a way up', { environment: '../prod' }, /\.environment is not a name/],
    [
      'an option where a commit belongs',
      { running: { ...running, commit: '-x' } },
      /\.running\.commit is not an object id/,
    ],
    ['text where a list belongs', { history: 'none' }, /\.history is not a list/],
    ['a number that counts backwards', { seq: -1 }, /\.seq is not a whole number/],
    ['a word nobody knows', { health: 'splendid' }, /\.health is "splendid"/],
    ['no list of approvals', { approvals: undefined }, /\.approvals is missing/],
  ]
  for (const [what, change, place] of changes) {
    test(`${what} is told with ref, file and place`, () => {
      const read = () => parseDocument(JSON.stringify({ ...state, ...change }), `${stage} state.json`, stateShape)
      assert.throws(read, unreadable(place))
      assert.throws(read, /refs\/trunkline\/env\/stage state\.json/)
    })
  }

  test('a member called `__proto__` pollutes nothing and is refused where keys are free', () => {
    const text = JSON.stringify({ ...state, hooks: {} }).replace('"hooks":{}', '"hooks":{"__proto__":{"polluted":1}}')
    assert.throws(() => parseDocument(text, 'x', stateShape), unreadable(/\.hooks has the key "__proto__"/))
    assert.ok(!('polluted' in {}))
  })

  test('what a later version of the same format adds is let through, and a later format is named', () => {
    const more = JSON.stringify({ ...initialState('stage'), colour: 'blue' })
    assert.equal(parseDocument<{ version: 1; colour?: string }>(more, 'x', stateShape).colour, 'blue')
    const newer = JSON.stringify({ ...initialState('stage'), version: 2 })
    assert.throws(() => parseDocument(newer, 'x', stateShape), { code: 'STATE_TOO_NEW' })
  })

  test('a record that was copied under another key counts for nothing', () => {
    const build = JSON.stringify(documents.records.build)
    assert.equal(parseBuildRecord(build, ids.hash).service, 'carts')
    const other = '6'.repeat(64) as never
    assert.throws(() => parseBuildRecord(build, other), unreadable(/about another input hash/))
    assert.throws(() => parseRelease(JSON.stringify(documents.records.release), other), unreadable(/another release/))
  })

  test('a delivery does not act on a state that was forged, and changes nothing', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const before = bench.target('stage').effects().length
    const { ledger } = bench.engine
    const { signal } = new AbortController()
    const forged = { ...(await bench.state('stage')), environment: 'prod' }
    const tip = (await ledger.refresh(signal)).get(stage) ?? null
    const author = { name: 'Eve', email: 'eve@example.com' }
    const commit = { subject: 'x', body: '', trailers: [], author, at: ledger.at(), remove: [] }
    const put = { 'state.json': JSON.stringify(forged) }
    const change = { kind: 'append' as const, commits: [{ ...commit, put }] }
    await ledger.store.push([{ ref: stage, expected: tip, change }], signal)
    await bench.push('main', { 'carts/main.txt': 'two' })
    const told = await bench.deliver('main').then(JSON.stringify, (error: unknown) => String(error))
    assert.match(told, /is about another environment/)
    assert.equal(bench.target('stage').effects().length, before)
  })

  test('checking the shape costs less than ten times the parsing', () => {
    const text = JSON.stringify(state)
    const cpu = (work: () => unknown): number => {
      const runs = Array.from({ length: 7 }, () => {
        const from = process.threadCpuUsage()
        for (let left = 3_000; left > 0; left -= 1) work()
        return process.threadCpuUsage(from).user
      })
      return Math.min(...runs)
    }
    const parsing = cpu(() => JSON.parse(text))
    const both = cpu(() => parseDocument(text, 'x', stateShape))
    assert.ok(both < 10 * parsing, `${both} µs for 3,000 documents, where JSON alone takes ${parsing}`)
  })
})
