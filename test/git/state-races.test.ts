import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openStateStore } from '../../src/git/index.ts'
import { createBareRemote, type Repository } from '../fixtures/repository.ts'
import { startGitHttpServer } from '../parts/git-http-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const ref = 'refs/trunkline/env/prod'
const execute = promisify(execFile)

/** Runs `append-events.ts` as a process of its own. */
function appender(remote: Repository, location: string, cache: string, name: string, count: number) {
  const script = join(import.meta.dirname, 'append-events.ts')
  const options = { env: remote.environment, timeout: 120_000 }
  return execute(process.execPath, [script, location, cache, name, String(count)], options)
}

for (const { title, isShared, transport } of [
  { title: 'with caches of their own, over a path', isShared: false, transport: 'file' },
  { title: 'that share one cache, over a path', isShared: true, transport: 'file' },
  { title: 'that share one cache, over smart HTTP', isShared: true, transport: 'http' },
]) {
  test(`processes ${title}, race on one ref: every event is there once, in one line`, async () => {
    await using remote = await createBareRemote()
    await using caches = await temporaryFolder()
    await using server = await startGitHttpServer({ root: dirname(remote.directory) })
    const location = transport === 'http' ? `${server.url}/remote.git` : remote.directory
    const names = ['anna', 'bert', 'cleo']
    await Promise.all(
      names.map((name) => appender(remote, location, join(caches.path, isShared ? 'shared' : name), name, 4)),
    )
    const subjects = (await remote.git('log', '--format=%s', ref)).split('\n').sort()
    const expected = names.flatMap((name) => [0, 1, 2, 3].map((index) => `${name} ${index}`))
    assert.deepEqual(subjects, expected.sort())
    assert.equal(await remote.git('rev-list', '--merges', '--count', ref), '0')
    assert.equal((await remote.git('ls-tree', '-r', '--name-only', ref)).split('\n').length, 12, 'nobody undid another')
    assert.equal(await remote.git('fsck', '--strict', '--no-progress', '--no-dangling'), '')
  })
}

test('of many pushes decided on one tip exactly one wins', async () => {
  await using remote = await createBareRemote()
  await using caches = await temporaryFolder()
  const { signal } = new AbortController()
  const stores = Array.from({ length: 6 }, (_, index) =>
    openStateStore({
      location: remote.directory,
      cacheDirectory: join(caches.path, String(index % 3)),
      environment: remote.environment,
    }),
  )
  const results = await Promise.all(
    stores.map((store, index) => {
      const commit = {
        subject: `holder ${index}`,
        body: '',
        trailers: [],
        author: { name: 'Ada', email: 'ada@example.com' },
        at: '2024-05-01T12:00:00Z',
        put: { 'lease.json': `{"holder":${index}}` },
        remove: [],
      }
      return store.push(
        [{ ref: 'refs/trunkline/lease/prod', expected: null, change: { kind: 'replace', commit } }],
        signal,
      )
    }),
  )
  assert.equal(results.filter(({ kind }) => kind === 'pushed').length, 1)
  assert.equal(results.filter(({ kind }) => kind === 'lost-race').length, 5)
  await Promise.all(stores.map((store) => store.close()))
})
