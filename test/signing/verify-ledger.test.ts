import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adoptHistories } from '../../src/delivery/index.ts'
import { signersOf } from '../../src/ledger/index.ts'
import type { CommitId, RefName } from '../../src/model/index.ts'
import { type VerificationDocument, verificationOf } from '../../src/reporting/index.ts'
import { type Bench, ben, createBench, outcomes } from '../fixtures/world.ts'
import {
  buildsRef,
  createSignedBench,
  environmentRef,
  fileAt,
  pushByHand,
  type SignedBench,
  tipOf,
  yanksRef,
} from './signed-bench.ts'

const { signal } = new AbortController()
const stage = environmentRef('stage')
const prod = environmentRef('prod')

async function verify(
  bench: Bench,
  remembered: ReadonlyMap<RefName, readonly CommitId[]> = new Map(),
  artifacts = false,
): Promise<VerificationDocument> {
  const { state, artifacts: store } = bench.engine.world
  assert.ok(state.stream)
  return await verificationOf({
    ...{
      location: 'here',
      stream: state.stream,
      signers: signersOf((await bench.scene()).project),
      prefix: 'refs/trunkline',
    },
    ...{ tips: await bench.engine.ledger.refresh(signal), remembered, signal, artifacts: artifacts ? store : null },
  })
}

/** A delivery to stage, an approval, prod, a ban: something of everything. */
async function lived(bench: SignedBench): Promise<void> {
  await bench.deliver('main')
  await bench.push('main', { 'carts/main.txt': 'BROKEN' })
  await bench.deliver('main')
  await bench.push('main', { 'carts/main.txt': 'two' })
  await bench.deliver('main')
  await bench.waits('v1')
  const manager = await bench.person(ben)
  await manager.approve('prod')
  assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
  await manager.yank('v1')
  await manager.unyank('v1')
  await bench.rollback('stage')
}

const codesOf = ({ problems }: VerificationDocument) =>
  problems.map(({ ref, code }) => `${ref.replace('refs/trunkline/', '')} ${code}`)
const signedFor = (ref: string) => `Signed-For: shop ${ref}`

test('an honest history is whole: signed, folded anew, its artifacts in the store', async () => {
  await using bench = await createSignedBench()
  await lived(bench)
  const document = await verify(bench, new Map([[stage, [(await tipOf(bench, stage)) as CommitId]]]), true)
  assert.deepEqual(document.problems, [])
  assert.equal(document.ok, true)
  assert.equal(document.artifacts?.missing, 0)
  const signers = Object.fromEntries(document.refs.map(({ ref, signedBy }) => [ref, Object.keys(signedBy).sort()]))
  assert.deepEqual(signers[prod], ['ben@example.com', 'ci'])
  assert.deepEqual(signers[buildsRef], ['ci'])
  assert.deepEqual(signers[yanksRef], ['ben@example.com', 'ci'])
})

test('a history without signatures is checked all the same', async () => {
  await using bench = await createBench({})
  await bench.deliver('main')
  await bench.push('main', { 'carts/main.txt': 'BROKEN' })
  await bench.deliver('main')
  assert.deepEqual((await verify(bench)).problems, [])
  const state = JSON.parse(await fileAt(bench, stage, 'state.json'))
  const event = JSON.parse(await fileAt(bench, stage, 'event.json'))
  const next = { ...event, seq: state.seq + 1, kind: 'resumed' }
  const tampered = { ...state, seq: state.seq + 1, held: null, passedOver: [], health: 'healthy', verified: [] }
  const forged = await pushByHand(bench, {
    ref: stage,
    subject: 'x',
    files: { 'event.json': JSON.stringify(next), 'state.json': JSON.stringify(tampered) },
  })
  const { first } = await verify(bench)
  assert.deepEqual(
    [first?.ref, first?.commit, first?.seq, first?.code],
    [stage, forged, state.seq + 1, 'state-tampered'],
  )
  assert.match(first?.message ?? '', /health|verified/)
})

test('the first bad event is named: a removed signature, a strange key, an event of another environment, a gap', async () => {
  await using bench = await createSignedBench()
  await bench.deliver('main')
  const event = JSON.parse(await fileAt(bench, stage, 'event.json'))
  const state = JSON.parse(await fileAt(bench, stage, 'state.json'))
  const files = (change: object) => ({
    'event.json': JSON.stringify({
      version: 1,
      seq: state.seq + 1,
      at: event.at,
      actor: ben,
      environment: 'stage',
      reasons: [],
      kind: 'held',
      ...change,
    }),
    'state.json': JSON.stringify(state),
  })
  const unsigned = await pushByHand(bench, { ref: stage, subject: 'a', files: files({}), body: signedFor(stage) })
  const document = await verify(bench)
  assert.deepEqual(
    [document.first?.commit, document.first?.seq, document.first?.code],
    [unsigned, state.seq + 1, 'signature-missing'],
  )
  assert.equal(document.ok, false)
  await pushByHand(bench, {
    ref: stage,
    subject: 'b',
    files: files({}),
    body: signedFor(stage),
    key: bench.keys.mallory,
  })
  await pushByHand(bench, {
    ref: stage,
    subject: 'c',
    files: files({ environment: 'prod' }),
    body: signedFor(stage),
    key: bench.keys.ben,
    by: ben,
  })
  await pushByHand(bench, {
    ref: stage,
    subject: 'd',
    files: files({ seq: state.seq + 9 }),
    body: signedFor(stage),
    key: bench.keys.ben,
    by: ben,
  })
  const codes = codesOf(await verify(bench))
  for (const code of ['signature-missing', 'signer-unknown', 'event-elsewhere', 'sequence-broken', 'state-tampered'])
    assert.ok(codes.includes(`env/stage ${code}`), `${code} in ${codes.join(', ')}`)
  // What counts was never touched: the delivery goes on, and the history before it stays on record as it was.
  assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'nothing' })
})

test('a history from before, adopted, is whole; one that was disturbed is again, once a builder has vouched for it', async () => {
  await using bench = await createSignedBench()
  await lived(bench)
  await pushByHand(bench, { ref: stage, subject: 'junk', files: { 'event.json': 'junk', 'state.json': 'junk' } })
  await pushByHand(bench, { ref: buildsRef, subject: 'junk', files: { 'builds/junk': 'junk' } })
  assert.equal((await verify(bench)).ok, false)
  await adoptHistories(bench.engine, { confirmed: true, all: true, signal })
  const document = await verify(bench)
  assert.deepEqual(codesOf(document), [])
  assert.ok(document.refs.every(({ ref, adoptedAt }) => ref.includes('/lease/') || adoptedAt !== null))
})

test('records that were changed, removed, misplaced or forged are named, and so are bans', async () => {
  await using bench = await createSignedBench()
  await lived(bench)
  const listing = (await bench.remote.git('ls-tree', '-r', '--name-only', buildsRef)).split('\n')
  const files: Record<string, string> = {}
  for (const path of listing) files[path] = await fileAt(bench, buildsRef, path)
  const builds = listing.filter((path) => path.startsWith('builds/'))
  const releases = listing.filter((path) => path.startsWith('releases/'))
  const [build = '', other = ''] = builds
  const [release = ''] = releases
  const push = async (change: Record<string, string | undefined>) => {
    for (const [path, text] of Object.entries(change)) {
      if (text === undefined) delete files[path]
      else files[path] = text
    }
    await pushByHand(bench, { ref: buildsRef, subject: 'x', files, body: signedFor(buildsRef), key: bench.keys.ci })
  }
  const record = JSON.parse(files[build] ?? '')
  await push({ [build]: JSON.stringify({ ...record, artifact: `sha256:${'e'.repeat(64)}` }) })
  await push({ [other]: undefined })
  await push({ [`builds/aa/aa${'0'.repeat(62)}.json`]: JSON.stringify(record) })
  const changed = JSON.parse(files[release] ?? '')
  await push({
    [release.replace(/..\.json$/, '00.json')]: JSON.stringify({
      ...changed,
      id: release.replace(/^.*\//, '').replace(/..\.json$/, '00'),
    }),
  })
  await pushByHand(bench, {
    ref: yanksRef,
    subject: 'x',
    files: { 'yanks.json': '{"version":1,"yanks":[]}' },
    body: signedFor(yanksRef),
    key: bench.keys.ci,
  })
  const document = await verify(bench)
  assert.deepEqual(codesOf(document), [
    'builds record-changed',
    'builds record-removed',
    'builds record-unreadable',
    'builds record-unreadable',
    'yanks yanks-tampered',
  ])
})

test('a history that was rewritten, cut short or removed since this machine saw it is told', async () => {
  await using bench = await createSignedBench()
  await bench.deliver('main')
  const older = await tipOf(bench, stage)
  await bench.push('main', { 'carts/main.txt': 'two' })
  await bench.deliver('main')
  const newer = (await tipOf(bench, stage)) as CommitId
  const remembered = new Map([[stage, [newer]]])
  assert.deepEqual(codesOf(await verify(bench, remembered)), [])
  await bench.remote.git('update-ref', stage, older)
  assert.deepEqual(codesOf(await verify(bench)), [], 'every signature is good: only memory tells')
  const { first } = await verify(bench, remembered)
  assert.deepEqual([first?.code, first?.commit], ['history-rewritten', newer])
  await bench.remote.git('update-ref', '-d', stage)
  assert.deepEqual(codesOf(await verify(bench, remembered)), ['env/stage history-gone'])
})

test('an approval of a plan that never waited is told, and a lease that is none', async () => {
  await using bench = await createSignedBench()
  await bench.deliver('main')
  await bench.waits('v1')
  const state = JSON.parse(await fileAt(bench, prod, 'state.json'))
  const plan = 'f'.repeat(64)
  const at = state.waiting.since
  const event = {
    version: 1,
    seq: state.seq + 1,
    at,
    actor: ben,
    environment: 'prod',
    reasons: [],
    kind: 'approved',
    plan,
  }
  const after = { ...state, seq: state.seq + 1, approvals: [{ actor: ben, plan, at }] }
  await pushByHand(bench, {
    ref: prod,
    subject: 'x',
    files: { 'event.json': JSON.stringify(event), 'state.json': JSON.stringify(after) },
    by: ben,
    body: signedFor(prod),
    key: bench.keys.ben,
  })
  await pushByHand(bench, { ref: 'refs/trunkline/lease/other', subject: 'x', files: { 'lease.json': '{}' } })
  assert.deepEqual(codesOf(await verify(bench)), ['env/prod approval-void', 'lease/other lease-broken'])
  assert.deepEqual((await bench.state('prod')).approvals, [])
})
