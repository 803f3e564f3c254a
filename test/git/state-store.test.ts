import assert from 'node:assert/strict'
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { openStateStore } from '../../src/git/index.ts'
import type { CommitId } from '../../src/model/index.ts'
import type { PushResult, StateCommit, StateUpdate } from '../../src/ports/index.ts'
import { createBareRemote, type Repository } from '../fixtures/repository.ts'
import { startGitHttpServer } from '../parts/git-http-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const { signal } = new AbortController()
const prod = 'refs/trunkline/env/prod'
const lease = 'refs/trunkline/lease/prod'

function commit(subject: string, put: Record<string, string> = {}, more: Partial<StateCommit> = {}): StateCommit {
  const author = { name: 'Ada', email: 'ada@example.com' }
  return { subject, body: '', trailers: [], author, at: '2024-05-01T12:00:00.000Z', put, remove: [], ...more }
}

const append = (ref: string, expected: CommitId | null, ...commits: StateCommit[]): StateUpdate => ({
  ref,
  expected,
  change: { kind: 'append', commits },
})

/** The new tip of a push that is expected to succeed. */
function tipOf(result: PushResult, ref = prod): CommitId {
  const tip = result.kind === 'pushed' ? result.tips.get(ref) : null
  assert.ok(tip, `pushed ${ref}`)
  return tip
}

/** A state remote over a path or smart HTTP, and stores that use it, each with a cache of its own. */
async function stateRemote(transport: 'file' | 'http' = 'file') {
  const remote = await createBareRemote()
  const server = transport === 'http' ? await startGitHttpServer({ root: dirname(remote.directory) }) : null
  const stack = new AsyncDisposableStack()
  return {
    remote,
    server,
    async store(cacheDirectory?: string) {
      const cache = cacheDirectory ?? stack.use(await temporaryFolder()).path
      const location = server ? `${server.url}/remote.git` : remote.directory
      const store = openStateStore({ location, cacheDirectory: cache, environment: remote.environment })
      stack.defer(() => store.close())
      return store
    },
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync()
      await server?.close()
      await remote.dispose()
    },
  }
}

const fsck = (repository: Repository) => repository.git('fsck', '--strict', '--no-progress')

for (const transport of ['file', 'http'] as const) {
  test(`what one writes over ${transport}, another reads: files, history, messages`, async () => {
    await using state = await stateRemote(transport)
    const writer = await state.store()
    const body = 'Two services.\n\nReally.'
    const trailers = [
      ['Release', 'abc'],
      ['Reason', 'two\nlines'],
    ] as const
    const first = commit('started', { 'state.json': '{"n":1}', 'ab/cd.json': 'ü\n' }, { body, trailers })
    const second = commit(
      'succeeded',
      { 'state.json': '{"n":2}' },
      { remove: ['ab/cd.json'], at: '2024-05-01T12:00:01.000Z' },
    )
    const tip = tipOf(await writer.push([append(prod, null, first, second)], signal))

    const reader = await state.store()
    const tips = await reader.refresh(['refs/trunkline/'], signal)
    assert.deepEqual([...tips], [[prod, tip]])
    const files = await reader.readFiles(tip, ['state.json', 'ab/cd.json', 'absent', 'ab', 'state.json/x'])
    assert.deepEqual([...files], [['state.json', '{"n":2}']])

    const history = await reader.history(tip, { limit: 10, files: ['state.json', 'ab/cd.json'] })
    assert.deepEqual(
      history.map(({ subject, files }) => [subject, files]),
      [
        ['succeeded', { 'state.json': '{"n":2}' }],
        ['started', { 'state.json': '{"n":1}', 'ab/cd.json': 'ü\n' }],
      ],
    )
    assert.equal(history[1]?.body, 'Two services.\n\nReally.\n\nRelease: abc\nReason: two lines')
    assert.equal(history[0]?.author.at, '2024-05-01T12:00:01.000Z')
    assert.equal((await reader.history(tip, { limit: 1, files: [] })).length, 1)
    assert.equal(
      await state.remote.git('log', '-1', '--skip=1', '--format=%an <%ae> %(trailers:key=Release,valueonly)', prod),
      'Ada <ada@example.com> abc\n',
    )
    assert.equal(await fsck(state.remote), '')
  })
}

test('the same commit has the same id wherever it is made', async () => {
  const ids = []
  for (let run = 0; run < 2; run++) {
    await using state = await stateRemote()
    ids.push(tipOf(await (await state.store()).push([append(prod, null, commit('started', { a: '1' }))], signal)))
  }
  assert.equal(ids[0], ids[1])
})

test('a push decided on an old tip loses the race and changes nothing', async () => {
  await using state = await stateRemote()
  const [left, right] = [await state.store(), await state.store()]
  const base = tipOf(await left.push([append(prod, null, commit('base', { a: '0' }))], signal))
  await right.refresh([prod], signal)
  const winner = tipOf(await left.push([append(prod, base, commit('left', { a: '1' }))], signal))
  assert.deepEqual(await right.push([append(prod, base, commit('right', { a: '2' }))], signal), { kind: 'lost-race' })
  assert.deepEqual(await right.push([append(prod, null, commit('right', { a: '2' }))], signal), { kind: 'lost-race' })
  assert.deepEqual(await state.remote.refs(), { [prod]: winner })

  const tips = await right.refresh([prod], signal)
  assert.equal(tips.get(prod), winner)
  const merged = tipOf(await right.push([append(prod, winner, commit('right', { a: '2' }))], signal))
  assert.equal(await state.remote.git('rev-list', '--count', merged), '3')
})

test('of two refs either both move or none', async () => {
  await using state = await stateRemote('http')
  const [left, right] = [await state.store(), await state.store()]
  const take = (subject: string, expected: CommitId | null): StateUpdate => ({
    ref: lease,
    expected,
    change: { kind: 'replace', commit: commit(subject, { 'lease.json': subject }) },
  })
  const first = await left.push([take('left', null), append(prod, null, commit('one', { a: '1' }))], signal)
  const ledger = tipOf(first)
  const held = tipOf(first, lease)
  await right.refresh([prod, lease], signal)
  const stolen = tipOf(await right.push([take('right', held)], signal), lease)

  // The ledger alone would have moved: the lease is lost, and so nothing does.
  const both = [append(prod, ledger, commit('two', { a: '2' })), take('left again', held)]
  assert.deepEqual(await left.push(both, signal), { kind: 'lost-race' })
  assert.deepEqual(await state.remote.refs(), { [prod]: ledger, [lease]: stolen })
  assert.equal(await state.remote.git('rev-list', '--count', lease), '1', 'a lease has no history')

  const removal: StateUpdate = { ref: lease, expected: stolen, change: { kind: 'delete' } }
  const done = await right.push([removal, append(prod, ledger, commit('two', { a: '2' }))], signal)
  assert.equal(done.kind === 'pushed' && done.tips.get(lease), null)
  assert.deepEqual(Object.keys(await state.remote.refs()), [prod])
  assert.deepEqual(await right.push([removal], signal), { kind: 'lost-race' })
})

test('a refresh answers the refs asked for and no others', async () => {
  await using state = await stateRemote()
  const store = await state.store()
  const names = [
    'refs/trunkline/env/a',
    'refs/trunkline/env/ab',
    'refs/trunkline/env/a/b',
    'refs/heads/refs/trunkline/env/z',
  ]
  const updates = names.filter((name) => name !== 'refs/trunkline/env/a/b').map((ref) => append(ref, null, commit(ref)))
  await store.push(updates, signal)
  const asked = async (...refs: string[]) => [...(await store.refresh(refs, signal)).keys()].sort()
  assert.deepEqual(await asked('refs/trunkline/env/a'), ['refs/trunkline/env/a'])
  assert.deepEqual(await asked('refs/trunkline/env/'), ['refs/trunkline/env/a', 'refs/trunkline/env/ab'])
  assert.deepEqual(await asked('refs/trunkline/env/z', 'refs/trunkline/env/none'), [])
  assert.deepEqual(await asked(), [])

  // A ref may give way to a folder of its name.
  const gone = await store.refresh(['refs/trunkline/env/a'], signal)
  const expected = gone.get('refs/trunkline/env/a') ?? null
  await store.push([{ ref: 'refs/trunkline/env/a', expected, change: { kind: 'delete' } }], signal)
  await store.push([append('refs/trunkline/env/a/b', null, commit('below'))], signal)
  const other = await state.store()
  assert.equal((await other.refresh(['refs/trunkline/'], signal)).size, 2)
})

test('a refresh where nothing moved is one question to the remote', async () => {
  await using state = await stateRemote('http')
  const writer = await state.store()
  const tip = tipOf(await writer.push([append(prod, null, commit('one', { a: '1' }))], signal))
  const cache = await temporaryFolder()
  await (await state.store(cache.path)).refresh([prod], signal)
  const nextProcess = await state.store(cache.path)
  const before = state.server?.requests.length ?? 0
  assert.equal((await nextProcess.refresh([prod], signal)).get(prod), tip)
  const asked = state.server?.requests.slice(before) ?? []
  assert.ok(asked.length <= 2, 'the two requests of one ls-remote')
  assert.deepEqual([...(await nextProcess.readFiles(tip, ['a']))], [['a', '1']])
  await cache[Symbol.asyncDispose]()
})

test('the cache may be deleted, and damaged, between two calls', async () => {
  await using state = await stateRemote()
  await using cache = await temporaryFolder()
  const writer = await state.store()
  const base = tipOf(await writer.push([append(prod, null, commit('one', { 'a/b': '1' }))], signal))
  const store = await state.store(cache.path)
  await store.refresh([prod], signal)

  await rm(cache.path, { recursive: true })
  assert.deepEqual([...(await store.readFiles(base, ['a/b']))], [['a/b', '1']])

  await rm(cache.path, { recursive: true })
  const second = tipOf(await store.push([append(prod, base, commit('two', { c: '2' }))], signal))
  assert.equal((await store.history(second, { limit: 9, files: ['a/b', 'c'] })).length, 2)

  await damageObjects(cache.path, '')
  assert.equal((await (await state.store(cache.path)).refresh([prod], signal)).get(prod), second)
  const fresh = await state.store(cache.path)
  await fresh.refresh([prod], signal)
  assert.deepEqual([...(await fresh.readFiles(second, ['a/b', 'c']))].sort(), [
    ['a/b', '1'],
    ['c', '2'],
  ])

  await damageObjects(cache.path, 'garbage')
  const third = tipOf(await store.push([append(prod, second, commit('three', { d: '3' }))], signal))
  assert.equal((await store.history(third, { limit: 9, files: [] })).length, 3)
  await writeFile(join(cache.path, 'state.git', 'config'), 'no configuration')
  assert.equal((await store.refresh([prod], signal)).get(prod), third)
  assert.equal(await fsck(state.remote), '')
})

test('a file whose content is lost is never taken for absent', async () => {
  await using state = await stateRemote()
  await using cache = await temporaryFolder()
  const store = await state.store(cache.path)
  const tip = tipOf(
    await store.push([append('refs/trunkline/yanks', null, commit('yank', { 'ab/cd': 'banned' }))], signal),
    'refs/trunkline/yanks',
  )
  const blob = await state.remote.git('rev-parse', `${tip}:ab/cd`)
  await rm(join(cache.path, 'state.git', 'objects', blob.slice(0, 2), blob.slice(2)))
  const reader = await state.store(cache.path)
  await reader.refresh(['refs/trunkline/'], signal)
  assert.deepEqual([...(await reader.readFiles(tip, ['ab/cd']))], [['ab/cd', 'banned']])

  await rm(join(state.remote.directory, 'objects', blob.slice(0, 2), blob.slice(2)))
  const other = await state.store()
  await assert.rejects(
    other.refresh(['refs/trunkline/'], signal).then(() => other.readFiles(tip, ['ab/cd'])),
    { kind: 'errored' },
  )
})

test('a long history is read in a moment', async () => {
  await using state = await stateRemote()
  const store = await state.store()
  const commits = Array.from({ length: 400 }, (_, index) =>
    commit(`event ${index}`, { 'event.json': `{"seq":${index}}` }),
  )
  const tip = tipOf(await store.push([append(prod, null, ...commits)], signal))
  const history = await (async () => {
    const reader = await state.store()
    await reader.refresh([prod], signal)
    return reader.history(tip, { limit: 300, files: ['event.json'] })
  })()
  assert.equal(history.length, 300)
  assert.equal(history[0]?.files['event.json'], '{"seq":399}')
  assert.equal(history[299]?.files['event.json'], '{"seq":100}')
})

test('leaves no refs but notes, and no reports or marks, in the cache', async () => {
  await using state = await stateRemote()
  await using cache = await temporaryFolder()
  const store = await state.store(cache.path)
  const tip = tipOf(await store.push([append(prod, null, commit('one', { a: '1' }))], signal))
  await store.push([append(prod, tip, commit('two', { a: '2' }))], signal)
  assert.deepEqual((await readdir(join(cache.path, 'state.git'))).sort(), [
    'HEAD',
    'config',
    'objects',
    'refs',
    'trunkline-cache',
  ])
  assert.equal((await readdir(join(cache.path, 'state.git', 'refs', 'tips'))).length, 1)
  assert.deepEqual(await readdir(join(cache.path, 'state.git', 'refs', 'import')), [])
})

test('a cache that is in use for days is tended, and works on', async () => {
  await using state = await stateRemote()
  await using cache = await temporaryFolder()
  const store = await state.store(cache.path)
  const first = tipOf(await store.push([append(prod, null, commit('one', { a: '1' }))], signal))
  const report = join(cache.path, 'state.git', 'fast_import_crash_1')
  await writeFile(report, 'left behind')
  await utimes(join(cache.path, 'state.git', 'trunkline-cache'), 0, 0)
  const second = tipOf(await store.push([append(prod, first, commit('two', { a: '2' }))], signal))
  await assert.rejects(stat(report), { code: 'ENOENT' })
  assert.equal((await store.history(second, { limit: 5, files: [] })).length, 2)
})

/** Overwrites every loose object of a cache. */
async function damageObjects(cache: string, content: string): Promise<void> {
  const folder = join(cache, 'state.git', 'objects')
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const file of files.filter((file) => file.isFile())) {
    const path = join(file.parentPath, file.name)
    await rm(path)
    await writeFile(path, content)
  }
}
