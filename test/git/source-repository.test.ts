import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openSourceRepository } from '../../src/git/index.ts'
import type { ObjectId } from '../../src/model/index.ts'
import { createBareRemote, createRepository, type Repository } from '../fixtures/repository.ts'
import { temporaryFolder } from './temporary-folder.ts'

const someObject = '1'.repeat(40) as ObjectId // well-formed, in no repository

/** The code under test on a fixture, with a cache of its own. */
async function open(repo: Repository, cache: { path: string }, directory = repo.directory) {
  return openSourceRepository({
    directory,
    cacheDirectory: cache.path,
    remote: 'origin',
    environment: repo.environment,
  })
}

test('a tree lists every file with its mode, in the order of the bytes of its paths', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository()
  const id = await repo.commit('all kinds', [
    ['plain.txt', 'plain'],
    ['run.sh', { content: '#!/bin/sh\n', executable: true }],
    ['link', { symlink: 'plain.txt' }],
    ['deep/er/file', 'x'],
    ['vendor/library', { submodule: someObject }],
    ['new\nline', 'newline'],
    [Buffer.from([0x72, 0xff, 0x61, 0x77]), 'raw'],
    ['\u{1f680}', 'beyond U+FFFF'],
    ['\uffe0', 'sorts before it in bytes, after it in code units'],
  ])
  const source = await open(repo, cache)
  const tree = [...(await source.tree(id))]
  assert.deepEqual(
    tree.map(({ path, mode }) => [path, mode]),
    [
      ['deep/er/file', 'file'],
      ['link', 'symlink'],
      ['new\nline', 'file'],
      ['plain.txt', 'file'],
      ['run.sh', 'executable'],
      ['r\udcffaw', 'file'],
      ['vendor/library', 'submodule'],
      ['\uffe0', 'file'],
      ['\u{1f680}', 'file'],
    ],
  )
  assert.equal(tree.find(({ path }) => path === 'vendor/library')?.oid, someObject)
  await source.close()
})

test('a file is read by any name that git can store, and is null where there is none', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository()
  const id = await repo.commit('names', [
    ['new\nline', 'newline'],
    [Buffer.from([0x72, 0xff, 0x61, 0x77]), 'raw'],
    ['folder/space in it', 'space'],
    ['link', { symlink: 'folder' }],
    ['vendor', { submodule: someObject }],
  ])
  const source = await open(repo, cache)
  const read = async (path: string) => {
    const content = await source.readFile(id, path)
    return content === null ? null : Buffer.from(content).toString()
  }
  assert.equal(await read('folder/space in it'), 'space')
  assert.equal(await read('r\udcffaw'), 'raw')
  assert.equal(await read('link'), 'folder')
  assert.equal(await read('new\nline'), 'newline')
  for (const absent of ['absent', 'folder', 'vendor', '', './link', 'folder/../link', 'link/x']) {
    assert.equal(await read(absent), null, absent)
  }
  await source.close()
})

test('changes tell files that were added, removed, modified, renamed or got another mode', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({
    files: { kept: 'k', modified: 'a', removed: 'r', old: 'moved content', script: 's', link: { symlink: 'kept' } },
  })
  const from = await repo.head()
  const to = await repo.commit('change', {
    modified: 'b',
    removed: null,
    old: null,
    new: 'moved content',
    script: { content: 's', executable: true },
    link: 'now a file',
    'lib/sub': { submodule: someObject },
  })
  const source = await open(repo, cache)
  const changes = await source.changes(from, to)
  assert.deepEqual(
    changes.map(({ path, kind, from, to }) => `${path}: ${kind} ${from?.mode ?? '-'} ${to?.mode ?? '-'}`),
    [
      'lib/sub: added - submodule',
      'link: modified symlink file',
      'modified: modified file file',
      'new: added - file',
      'old: removed file -',
      'removed: removed file -',
      'script: mode-changed file executable',
    ],
  )
  assert.deepEqual(await source.changes(to, to), [])
  await source.close()
})

test('a commit is read whole: parents of a merge, author, subject, body', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({ files: { a: '1' } })
  const first = await repo.head()
  await repo.checkout('feature', { create: true })
  const author = { name: 'Grace Höpper', email: 'grace@example.com' }
  const feature = await repo.commit('a subject\non two lines\n\nThe body.\n\nSigned-off-by: G', { b: '2' }, { author })
  await repo.checkout('main')
  const other = await repo.commit('other', { c: '3' })
  const merge = await repo.merge('feature')
  const source = await open(repo, cache)

  assert.deepEqual((await source.commit(merge)).parents, [other, feature])
  const commit = await source.commit(feature)
  assert.deepEqual(commit.author, { ...author, at: '2024-01-01T00:01:00.000Z' })
  assert.equal(commit.subject, 'a subject on two lines')
  assert.equal(commit.body, 'The body.\n\nSigned-off-by: G')
  assert.deepEqual(commit.parents, [first])

  const between = await source.commitsBetween(first, merge, 10)
  assert.deepEqual(
    between.map(({ id }) => id),
    [merge, other, feature],
  )
  assert.equal((await source.commitsBetween(null, merge, 2)).length, 2)
  assert.equal(await source.isAncestor(feature, merge), true)
  assert.equal(await source.isAncestor(merge, feature), false)
  assert.equal(await source.isAncestor(merge, merge), true)
  await source.close()
})

test('a revision is a branch, a tag, an abbreviation or an expression; anything else is a usage error', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({ files: { a: '1' } })
  const first = await repo.head()
  const second = await repo.commit('second', { a: '2' })
  await repo.tag('v1', { at: first, message: 'annotated' })
  const source = await open(repo, cache)
  assert.equal(await source.resolve('main'), second)
  assert.equal(await source.resolve('HEAD~1'), first)
  assert.equal(await source.resolve('v1'), first)
  assert.equal(await source.resolve('refs/tags/v1'), first)
  assert.equal(await source.resolve(second.slice(0, 8)), second)
  assert.equal(await source.resolve(second), second)
  assert.equal(await source.resolve(await repo.git('rev-parse', 'v1')), first, 'the id of a tag object')
  for (const unknown of ['nope', '--all', '-n1', 'HEAD:a', '', 'a\nb', someObject, 'HEAD~9']) {
    await assert.rejects(source.resolve(unknown), { kind: 'usage', code: 'UNKNOWN_REVISION' }, unknown)
  }
  await source.close()
})

test('many blobs come in one batch', async () => {
  await using cache = await temporaryFolder()
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f${index}`, 'x'.repeat(index * 37)]))
  await using repo = await createRepository({ files })
  const source = await open(repo, cache)
  const tree = [...(await source.tree(await repo.head()))]
  const blobs = await source.readBlobs(tree.map(({ oid }) => oid))
  for (const { path, oid } of tree) assert.equal(Buffer.from(blobs.get(oid) ?? []).toString(), files[path])
  await assert.rejects(source.readBlobs([someObject]), { code: 'OBJECT_MISSING' })
  assert.equal((await source.readBlobs(tree.slice(0, 2).map(({ oid }) => oid))).size, 2, 'reads on after an error')
  await source.close()
})

test('it is found from a folder inside, in a bare repository, in a worktree and by GIT_DIR', async () => {
  await using cache = await temporaryFolder()
  await using elsewhere = await temporaryFolder()
  await using repo = await createRepository({ files: { 'deep/er/file': 'x' } })
  const main = await repo.head()
  const inside = await open(repo, cache, join(repo.directory, 'deep/er'))
  assert.equal(inside.local.root, repo.directory)
  assert.equal((await inside.tree(await inside.resolve('HEAD'))).length, 1)

  await using bare = await repo.clone({ bare: true })
  const inBare = await open(bare, cache)
  assert.equal(inBare.local.root, null)
  assert.equal(await inBare.resolve('main'), main)
  assert.equal((await inBare.tree(main)).length, 1)

  const worktree = join(elsewhere.path, 'worktree')
  await repo.git('worktree', 'add', '--quiet', '-b', 'side', worktree)
  await promisify(execFile)('git', ['commit', '--quiet', '--allow-empty', '-m', 'side'], {
    cwd: worktree,
    env: repo.environment,
  })
  const inWorktree = await open(repo, cache, worktree)
  assert.equal(inWorktree.local.root, worktree)
  assert.equal(await inWorktree.resolve('HEAD'), await repo.head('side'))
  assert.equal(await inside.resolve('HEAD'), main)

  const byVariable = await openSourceRepository({
    directory: elsewhere.path,
    cacheDirectory: cache.path,
    remote: 'origin',
    environment: { ...repo.environment, GIT_DIR: join(repo.directory, '.git') },
  })
  assert.equal(await byVariable.resolve('HEAD'), main)
  assert.equal((await byVariable.tree(main)).length, 1)
  for (const source of [inside, inBare, inWorktree, byVariable]) await source.close()
})

test('a folder without a repository, and no folder at all, are usage errors', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository()
  const environment = { ...repo.environment, GIT_CEILING_DIRECTORIES: cache.path }
  const options = { cacheDirectory: cache.path, remote: 'origin', environment }
  const empty = join(cache.path, 'empty')
  await mkdir(empty)
  await assert.rejects(openSourceRepository({ ...options, directory: empty }), {
    kind: 'usage',
    code: 'NOT_A_REPOSITORY',
  })
  await assert.rejects(openSourceRepository({ ...options, directory: join(empty, 'absent') }), {
    kind: 'usage',
    code: 'DIRECTORY_MISSING',
  })
})

test('a repository of SHA-256 ids is read like any other', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({ objectFormat: 'sha256', files: { a: '1', 'b/c': '2' } })
  const source = await open(repo, cache)
  const id = await source.resolve('main')
  assert.equal(id.length, 64)
  assert.deepEqual(
    [...(await source.tree(id))].map(({ path }) => path),
    ['a', 'b/c'],
  )
  assert.deepEqual(await source.readFile(id, 'b/c'), Buffer.from('2'))
  await source.close()
})

test('commits made after it was opened are seen', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({ files: { a: '1' } })
  const source = await open(repo, cache)
  await source.tree(await source.resolve('HEAD'))
  const later = await repo.commit('later', { b: '2' })
  await repo.git('gc', '--quiet')
  assert.equal(await source.resolve('HEAD'), later)
  assert.equal((await source.tree(later)).length, 2)
  assert.deepEqual(await source.readFile(later, 'b'), Buffer.from('2'))
  await source.close()
})

test('without a remote the local refs are the ones that count', async () => {
  await using cache = await temporaryFolder()
  await using repo = await createRepository({ files: { a: '1' } })
  await repo.tag('v1', { message: 'annotated' })
  const source = await open(repo, cache)
  const { signal } = new AbortController()
  assert.equal(await source.remoteTip('refs/heads/main', signal), await repo.head())
  assert.equal(await source.remoteTip('refs/tags/v1', signal), await repo.head())
  assert.equal(await source.remoteTip('refs/heads/gone', signal), null)
  await assert.rejects(source.ensureCommit(await repoless(), 'refs/heads/main', signal), { code: 'UNKNOWN_COMMIT' })
  await source.close()
})

/** The id of a commit that other repositories do not have. */
async function repoless() {
  await using other = await createBareRemote()
  await using repo = await other.clone()
  return await repo.commit('elsewhere', { z: 'z' })
}
