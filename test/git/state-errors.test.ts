import assert from 'node:assert/strict'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { openStateStore } from '../../src/git/index.ts'
import type { CommitId } from '../../src/model/index.ts'
import type { StateUpdate } from '../../src/ports/index.ts'
import { createBareRemote, type Repository } from '../fixtures/repository.ts'
import { startGitHttpServer } from '../parts/git-http-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const { signal } = new AbortController()
const prod = 'refs/trunkline/env/prod'

const event = (expected: CommitId | null, ref = prod): StateUpdate => {
  const author = { name: 'Ada', email: 'ada@example.com' }
  const commit = {
    subject: 's',
    body: '',
    trailers: [],
    author,
    at: '2024-05-01T12:00:00Z',
    put: { a: '1' },
    remove: [],
  }
  return { ref, expected, change: { kind: 'append', commits: [commit] } }
}

const store = (location: string, cache: { path: string }, { environment }: Repository) =>
  openStateStore({ location, cacheDirectory: cache.path, environment })

async function hook(remote: Repository, name: string, script: string): Promise<void> {
  const path = join(remote.directory, 'hooks', name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}

test('a remote that is not there is errored, whatever is asked of it', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  const unreachable = { kind: 'errored', code: 'STATE_UNREACHABLE' }
  const port = await closedPort()
  for (const location of [join(cache.path, 'nowhere.git'), `http://127.0.0.1:${port}/remote.git`]) {
    const state = store(location, cache, remote)
    await assert.rejects(state.refresh([prod], signal), unreachable, location)
    await assert.rejects(state.push([event(null)], signal), unreachable, location)
    await state.close()
  }
})

test('a server at fault is errored; when it is well again, so are we', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await using server = await startGitHttpServer({ root: dirname(remote.directory) })
  const state = store(`${server.url}/remote.git`, cache, remote)
  server.failNext(100)
  await assert.rejects(state.refresh([prod], signal), { code: 'STATE_UNREACHABLE', message: /500/ })
  await assert.rejects(state.push([event(null)], signal), { code: 'STATE_UNREACHABLE' })
  server.failNext(0)
  assert.equal((await state.push([event(null)], signal)).kind, 'pushed')
  await state.close()
})

test('a server that is at fault for a moment is asked again', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await using server = await startGitHttpServer({ root: dirname(remote.directory) })
  const state = store(`${server.url}/remote.git`, cache, remote)
  server.failNext(2)
  assert.deepEqual(await state.refresh([prod], signal), new Map())
  server.failNext(2, 503)
  assert.equal((await state.push([event(null)], signal)).kind, 'pushed')
  await state.close()
})

test('a push whose answer was lost counts as pushed', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  // The hook takes the answer's way away after the refs have moved: the connection ends without a report.
  await hook(remote, 'post-receive', 'cat >/dev/null; kill -9 $PPID')
  const state = store(remote.directory, cache, remote)
  const result = await state.push([event(null)], signal)
  assert.equal(result.kind, 'pushed')
  assert.deepEqual(Object.keys(await remote.refs()), [prod])
  await state.close()
})

test('a hook that declines is an error with its own words, not a lost race', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await using server = await startGitHttpServer({ root: dirname(remote.directory) })
  await hook(remote, 'pre-receive', 'echo "refs/trunkline is not for you: ask ops" >&2; exit 1')
  for (const location of [remote.directory, `${server.url}/remote.git`]) {
    const state = store(location, cache, remote)
    await assert.rejects(state.push([event(null), event(null, 'refs/trunkline/builds')], signal), {
      kind: 'errored',
      code: 'STATE_REJECTED',
      message: /refs\/trunkline is not for you: ask ops/,
      hint: /state\.prefix/,
    })
    await state.close()
  }
  assert.deepEqual(await remote.refs(), {})
})

test('a ref that the remote hides or that is locked is not taken for pushed', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await remote.git('config', 'transfer.hideRefs', 'refs/trunkline/hidden')
  const state = store(remote.directory, cache, remote)
  await assert.rejects(state.push([event(null, 'refs/trunkline/hidden/x')], signal), { code: 'STATE_REJECTED' })

  assert.equal((await state.push([event(null)], signal)).kind, 'pushed')
  const tip = (await state.refresh([prod], signal)).get(prod) ?? null
  const lock = join(remote.directory, `${prod}.lock`)
  await writeFile(lock, '')
  await assert.rejects(state.push([event(tip)], signal), { code: 'STATE_LOCKED', hint: /\.lock file/ })
  setTimeout(() => rm(lock), 200)
  assert.equal((await state.push([event(tip)], signal)).kind, 'pushed', 'someone had it for a moment')
  await state.close()
})

test('who may not push over HTTP is told so', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await using server = await startGitHttpServer({ root: dirname(remote.directory) })
  await remote.git('config', 'http.receivepack', 'false')
  const state = store(`${server.url}/remote.git`, cache, remote)
  await state.refresh([prod], signal)
  await assert.rejects(state.push([event(null)], signal), { kind: 'errored', code: 'STATE_REJECTED', message: /403/ })
  await state.close()
})

test('no error, hint or location shows a credential', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  const credentials = { user: 'deploy-bot', password: 's3cret/with@signs' }
  await using server = await startGitHttpServer({ root: dirname(remote.directory), credentials })
  const good = store(`${server.urlWithCredentials}/remote.git`, cache, remote)
  assert.equal((await good.push([event(null)], signal)).kind, 'pushed')
  assert.equal(good.location, `${server.url}/remote.git`)

  const shown: unknown[] = [good.location]
  const collect = (work: Promise<unknown>) =>
    work.then(
      () => assert.fail('it fails'),
      (error) => shown.push(error),
    )
  server.failNext(100, 503)
  await collect(good.refresh([prod], signal))
  await collect(good.push([event(null)], signal))
  server.failNext(0)
  const wrong = store(`${server.urlWithCredentials.replace('s3cret', 's3cret-wrong')}/remote.git`, cache, remote)
  await collect(wrong.refresh([prod], signal))
  await collect(store(`${server.urlWithCredentials}/absent.git`, cache, remote).refresh([prod], signal))
  await server.close()
  await collect(good.refresh([prod], signal))
  const text = inspect(shown, { depth: 9, showHidden: true })
  assert.doesNotMatch(text, /s3cret|deploy-bot|signs/)
  assert.match(text, /STATE_UNREACHABLE/)
  await good.close()
})

test('an aborted call ends at once and says that it was cancelled', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  await using server = await startGitHttpServer({ root: dirname(remote.directory) })
  server.hang(true)
  const state = store(`${server.url}/remote.git`, cache, remote)
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 100)
  await assert.rejects(state.refresh([prod], controller.signal), { kind: 'cancelled' })
  server.hang(false)
  await state.close()
})

test('a cache that cannot be written is errored with the way out', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  const file = join(cache.path, 'a-file')
  await writeFile(file, '')
  await assert.rejects(store(remote.directory, { path: file }, remote).refresh([prod], signal), {
    kind: 'errored',
    code: 'CACHE_UNWRITABLE',
    hint: /TRUNKLINE_HOME/,
  })
})

test('a git that is not installed is named', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  const environment = { ...remote.environment, PATH: cache.path }
  const state = openStateStore({ location: remote.directory, cacheDirectory: cache.path, environment })
  await assert.rejects(state.refresh([prod], signal), { kind: 'errored', code: 'GIT_MISSING' })
})

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
