import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { openSourceRepository } from '../../src/git/index.ts'
import { createBareRemote, createRepository, type Repository } from '../fixtures/repository.ts'
import { startGitHttpServer } from '../parts/git-http-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const { signal } = new AbortController()

async function open(repo: Repository, cache: { path: string }, remote = 'origin') {
  const { directory, environment } = repo
  return openSourceRepository({ directory, cacheDirectory: cache.path, remote, environment })
}

/** Name and digest of every file of a clone's `.git`: refs, objects, shallow file, configuration, everything. */
async function snapshot(repo: Repository): Promise<string[]> {
  const files = await readdir(repo.directory, { recursive: true, withFileTypes: true })
  const lines = files
    .filter((file) => file.isFile())
    .map(async (file) => {
      const path = join(file.parentPath, file.name)
      const digest = createHash('sha256').update(await readFile(path))
      return `${path} ${digest.digest('hex')}`
    })
  return (await Promise.all(lines)).sort()
}

/** A remote with three commits, served over smart HTTP; `pusher` may push more. */
async function servedHistory() {
  const remote = await createBareRemote()
  const pusher = await createRepository({ files: { 'a.txt': 'one', 'services/carts/main.ts': 'v1' } })
  const server = await startGitHttpServer({ root: dirname(remote.directory) })
  await pusher.addRemote('origin', remote.directory)
  await pusher.commit('second', { 'a.txt': 'two' })
  await pusher.commit('third', { 'a.txt': 'three' })
  await pusher.push('origin', 'main')
  return {
    remote,
    pusher,
    server,
    url: `${server.url}/remote.git`,
    async [Symbol.asyncDispose]() {
      await server.close()
      await pusher.dispose()
      await remote.dispose()
    },
  }
}

for (const transport of ['file', 'http'] as const) {
  test(`the remote's tips are read over ${transport}, tags peeled`, async () => {
    await using cache = await temporaryFolder()
    await using history = await servedHistory()
    await history.pusher.tag('v1', { at: 'HEAD~1', message: 'annotated' })
    await history.pusher.push('origin', 'v1')
    await using clone = await history.remote.clone(transport === 'http' ? { url: history.url } : {})
    const before = await snapshot(clone)
    const source = await open(clone, cache)
    assert.equal(await source.remoteTip('refs/heads/main', signal), await history.pusher.head())
    assert.equal(await source.remoteTip('refs/tags/v1', signal), await history.pusher.head('HEAD~1'))
    assert.equal(await source.remoteTip('refs/heads/gone', signal), null)
    const { head, tips } = await source.remoteRefs(['refs/tags/v1', 'refs/heads/main', 'refs/heads/gone'], signal)
    assert.equal(head, 'refs/heads/main')
    assert.deepEqual([...tips.keys()].sort(), ['refs/heads/main', 'refs/tags/v1'])
    await source.close()
    assert.deepEqual(await snapshot(clone), before)
  })

  test(`a commit the clone lacks is fetched over ${transport} into the cache, and the clone stays as it is`, async () => {
    await using cache = await temporaryFolder()
    await using history = await servedHistory()
    await using clone = await history.remote.clone(transport === 'http' ? { url: history.url } : {})
    const old = await clone.head()
    const newer = await history.pusher.commit('newer', { 'b.txt': 'new file', 'a.txt': null })
    await history.pusher.push('origin', 'main')
    const before = await snapshot(clone)

    const source = await open(clone, cache)
    assert.equal(await source.has(newer), false)
    await source.ensureCommit(newer, 'refs/heads/main', signal)
    assert.equal(await source.has(newer), true)
    assert.equal((await source.commit(newer)).subject, 'newer')
    assert.deepEqual(
      [...(await source.tree(newer))].map(({ path }) => path),
      ['b.txt', 'services/carts/main.ts'],
    )
    assert.deepEqual(await source.readFile(newer, 'b.txt'), Buffer.from('new file'))
    assert.equal(await source.readFile(newer, 'a.txt'), null)
    assert.equal(await source.isAncestor(old, newer), true)
    assert.equal(await source.isAncestor(newer, old), false)
    assert.equal((await source.changes(old, newer)).length, 2)
    assert.equal((await source.commitsBetween(old, newer, 10)).length, 1)
    assert.equal(await source.resolve(newer.slice(0, 10)), newer)
    await source.close()
    assert.deepEqual(await snapshot(clone), before)
  })
}

test('a commit that a force push removed is fetched by its id while the server has it', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  await using clone = await history.remote.clone({ url: history.url })
  const removed = await history.pusher.commit('removed', { x: 'x' })
  await history.pusher.push('origin', 'main')
  await history.pusher.git('reset', '--quiet', '--hard', 'HEAD~1')
  const forced = await history.pusher.commit('forced', { y: 'y' })
  await history.pusher.push('origin', '+main')

  const source = await open(clone, cache)
  await source.ensureCommit(removed, 'refs/heads/main', signal)
  assert.equal((await source.commit(removed)).subject, 'removed')
  assert.equal(await source.isAncestor(removed, forced), false)
  await source.ensureCommit(removed, 'refs/heads/deleted-since', signal)
  await source.close()
})

test('a commit that nobody has is a usage error', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  await using clone = await history.remote.clone()
  const unpushed = await history.pusher.commit('unpushed', { x: 'x' })
  const source = await open(clone, cache)
  await assert.rejects(source.ensureCommit(unpushed, 'refs/heads/main', signal), {
    kind: 'usage',
    code: 'UNKNOWN_COMMIT',
  })
  await source.close()
})

test('a blobless clone gets the contents it lacks in one fetch, into the cache', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`many/${index}`, `content ${index}`]))
  const id = await history.pusher.commit('many', files)
  await history.pusher.push('origin', 'main')
  await using clone = await history.remote.clone({ url: history.url, filter: 'blob:none' })
  const before = await snapshot(clone)
  const source = await open(clone, cache)
  const tree = [...(await source.tree(await source.resolve('HEAD')))]
  assert.equal((await source.changes(await source.resolve('HEAD~1'), id)).length, 40)

  const requestsBefore = history.server.requests.length
  const many = tree.filter(({ path }) => path.startsWith('many/'))
  const blobs = await source.readBlobs(many.map(({ oid }) => oid))
  for (const { path, oid } of many) assert.equal(Buffer.from(blobs.get(oid) ?? []).toString(), files[path])
  const posts = history.server.requests.slice(requestsBefore).filter(({ method }) => method === 'POST')
  assert.ok(posts.length <= 2, `one fetch, not ${posts.length} requests`)

  const requestsAfter = history.server.requests.length
  await source.readBlobs(many.map(({ oid }) => oid))
  assert.equal(history.server.requests.length, requestsAfter, 'the second time they are there')
  assert.equal(await source.readFile(id, 'absent'), null)
  assert.deepEqual(await source.readFile(id, 'a.txt'), Buffer.from('three'))
  await source.close()
  assert.deepEqual(await snapshot(clone), before)
})

test('a shallow clone answers what it can, and names the fix for the rest', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  const first = await history.pusher.head('HEAD~2')
  await using clone = await history.remote.clone({ url: history.url, depth: 1 })
  const before = await snapshot(clone)
  const source = await open(clone, cache)
  const tip = await source.resolve('HEAD')
  assert.equal((await source.tree(tip)).length, 2)
  assert.deepEqual(await source.readFile(tip, 'a.txt'), Buffer.from('three'))
  assert.equal((await source.commit(tip)).parents.length, 1, 'its true parent')
  assert.equal((await source.commitsBetween(null, tip, 1)).length, 1)

  const cutOff = { kind: 'usage', code: 'SHALLOW_CLONE', hint: /git fetch --unshallow.*fetch-depth: 0/ }
  await assert.rejects(source.resolve('HEAD~1'), cutOff)
  await assert.rejects(source.resolve(first), cutOff)
  await assert.rejects(source.commit(first), cutOff)
  await assert.rejects(source.tree(first), cutOff)
  await assert.rejects(source.isAncestor(first, tip), cutOff)
  await assert.rejects(source.commitsBetween(null, tip, 5), cutOff)
  await assert.rejects(source.commitsBetween(first, tip, 5), cutOff)
  await assert.rejects(source.changes(first, tip), cutOff)
  await source.close()
  assert.deepEqual(await snapshot(clone), before)
})

test('"no ancestor" is never answered where history is cut off', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  await history.pusher.checkout('side', { create: true })
  const side = await history.pusher.commit('side', { s: 's' })
  await history.pusher.push('origin', 'side')
  await using clone = await history.remote.clone({ url: history.url, depth: 1 })
  await clone.git('fetch', '--quiet', '--depth=1', 'origin', 'side:side')
  const source = await open(clone, cache)
  const main = await source.resolve('main')
  // In truth main is the parent of side, which the clone just cannot see in the other direction.
  assert.equal(await source.isAncestor(main, side), true)
  await assert.rejects(source.isAncestor(side, main), { code: 'SHALLOW_CLONE' })
  await source.close()
})

test('a commit fetched beside a shallow clone comes with its history, and the clone stays shallow', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  const first = await history.pusher.head('HEAD~2')
  await using clone = await history.remote.clone({ url: history.url, depth: 1 })
  const newer = await history.pusher.commit('newer', { 'a.txt': 'four' })
  await history.pusher.push('origin', 'main')
  const before = await snapshot(clone)
  const source = await open(clone, cache)
  await source.ensureCommit(newer, 'refs/heads/main', signal)
  assert.equal(await source.isAncestor(first, newer), true)
  assert.equal(await source.isAncestor(newer, first), false)
  assert.equal((await source.commitsBetween(null, newer, 10)).length, 4)
  assert.deepEqual(await source.readFile(newer, 'a.txt'), Buffer.from('four'))
  assert.deepEqual(await source.readFile(first, 'a.txt'), Buffer.from('one'))
  await source.close()
  assert.deepEqual(await snapshot(clone), before)
})

test('the cache may vanish between two calls', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  await using clone = await history.remote.clone({ url: history.url })
  const newer = await history.pusher.commit('newer', { 'b.txt': 'new' })
  await history.pusher.push('origin', 'main')
  const source = await open(clone, cache)
  await source.ensureCommit(newer, 'refs/heads/main', signal)
  await rm(cache.path, { recursive: true })
  assert.equal((await source.tree(newer)).length, 3)
  await rm(cache.path, { recursive: true })
  assert.equal(await source.isAncestor(await clone.head(), newer), true)
  assert.deepEqual(await source.readFile(newer, 'b.txt'), Buffer.from('new'))
  await source.close()
})

test('an unreachable remote is errored, and its password is in no message', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  await using server = await startGitHttpServer({
    root: dirname(history.remote.directory),
    credentials: { user: 'ci', password: 'hunter2@/x' },
  })
  const url = `${server.urlWithCredentials}/remote.git`
  await using clone = await history.remote.clone({ url })
  const source = await open(clone, cache)
  assert.equal(await source.remoteTip('refs/heads/main', signal), await clone.head())

  server.failNext(10, 503)
  await assert.rejects(source.remoteTip('refs/heads/main', signal), (error: Error) => {
    assert.match(error.message, /cannot reach the remote http:\/\/127\.0\.0\.1:\d+\/remote\.git: .*503/)
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2|ci:|%2Fx/)
    return true
  })
  await clone.git('remote', 'set-url', 'origin', url.replace('hunter2', 'wrong'))
  await assert.rejects((await open(clone, cache)).remoteTip('refs/heads/main', signal), {
    code: 'REMOTE_UNREACHABLE',
    kind: 'errored',
  })
  await source.close()
})

test('what a CI job wrote into the clone to sign in with counts for the cache too', async () => {
  await using cache = await temporaryFolder()
  await using history = await servedHistory()
  const credentials = { user: 'x-access-token', password: 'token' }
  await using server = await startGitHttpServer({ root: dirname(history.remote.directory), credentials })
  await using clone = await history.remote.clone({ url: `${server.urlWithCredentials}/remote.git` })
  await clone.git('remote', 'set-url', 'origin', `${server.url}/remote.git`)
  const header = Buffer.from('x-access-token:token').toString('base64')
  await clone.git('config', `http.${server.url}/.extraheader`, `AUTHORIZATION: basic ${header}`)
  const source = await open(clone, cache)
  assert.equal(await source.remoteTip('refs/heads/main', signal), await clone.head())
  await source.close()
})
