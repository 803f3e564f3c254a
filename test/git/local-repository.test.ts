import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  describeWorkingCopy,
  fileState,
  findRepository,
  openStateStore,
  resolveFetchLocation,
  resolveStateLocation,
  withoutCredentials,
} from '../../src/git/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { temporaryFolder } from './temporary-folder.ts'

const find = ({ directory, environment }: Repository) => findRepository({ directory, environment })

test('the working copy says where it is, who works there and how trunkline.yaml stands to HEAD', async () => {
  await using repo = await createRepository()
  const environment = { ...repo.environment, GIT_AUTHOR_NAME: '', GIT_AUTHOR_EMAIL: '' }
  const describe = async () => describeWorkingCopy(await find(repo), environment)
  const state = async () => fileState(await find(repo), 'trunkline.yaml')
  const file = join(repo.directory, 'trunkline.yaml')

  assert.deepEqual(await describe(), {
    root: repo.directory,
    branch: 'refs/heads/main',
    head: null,
    user: null,
  })
  assert.equal(await state(), 'absent')
  await repo.git('config', 'user.name', 'Ada L.')
  await repo.git('config', 'user.email', 'ada@example.com')
  await writeFile(file, 'project: shop\n')
  assert.equal(await state(), 'untracked')
  await writeFile(join(repo.directory, '.git/info/exclude'), '*.yaml\n')
  assert.equal(await state(), 'untracked', 'ignored is not in HEAD either')
  await repo.git('add', '--force', 'trunkline.yaml')
  assert.equal(await state(), 'untracked', 'nor is what is only staged')
  const head = await repo.commit('configure')
  const committed = await describe()
  assert.equal(await state(), 'committed')
  assert.equal(committed.head, head)
  assert.deepEqual(committed.user, { name: 'Ada L.', email: 'ada@example.com' })
  await writeFile(file, 'project: changed\n')
  assert.equal(await state(), 'modified')
  await rm(file)
  assert.equal(await state(), 'deleted')
  await repo.git('checkout', '--quiet', '--force', '--detach', 'HEAD')
  assert.equal((await describe()).branch, null)

  const inside = join(repo.directory, 'deep')
  await mkdir(inside)
  const found = await findRepository({ directory: inside, environment: repo.environment })
  assert.equal(await fileState(found, 'trunkline.yaml'), 'committed')

  await using bare = await repo.clone({ bare: true })
  const inBare = await describeWorkingCopy(await find(bare), repo.environment)
  assert.deepEqual(inBare, {
    root: null,
    branch: 'refs/heads/main',
    head,
    user: { name: 'Ada', email: 'ada@example.com' },
  })
  assert.equal(await fileState(await find(bare), 'trunkline.yaml'), 'absent')
})

test('state is at the push URL of its remote, and fetched commits come from its URL', async () => {
  await using repo = await createRepository({ files: { a: '1' } })
  await repo.addRemote('origin', 'https://reader:token@example.com/shop.git')
  await repo.git('config', 'remote.origin.pushurl', 'ssh://git@example.com/shop.git')
  const local = await find(repo)
  assert.equal(resolveStateLocation(local, 'origin').label, 'ssh://example.com/shop.git')
  assert.equal(resolveFetchLocation(local, 'origin')?.label, 'https://example.com/shop.git')
  assert.equal(resolveFetchLocation(local, 'origin')?.url, 'https://reader:token@example.com/shop.git')
})

test('a URL or a path may stand in place of a remote name; a path counts from the top of the working tree', async () => {
  await using repo = await createRepository({ files: { a: '1' } })
  await repo.addRemote('near', '../near.git')
  const local = await find(repo)
  assert.equal(resolveStateLocation(local, 'https://example.com/x.git').url, 'https://example.com/x.git')
  assert.equal(resolveStateLocation(local, 'git@example.com:x.git').url, 'git@example.com:x.git')
  assert.equal(resolveStateLocation(local, '/srv/x.git').url, '/srv/x.git')
  assert.equal(resolveStateLocation(local, 'near').url, join(repo.directory, '../near.git'))
})

test('without that remote, state is in the local repository', async () => {
  await using repo = await createRepository({ files: { a: '1' } })
  await using cache = await temporaryFolder()
  const location = resolveStateLocation(await find(repo), 'origin')
  assert.equal(location.isLocal, true)
  const store = openStateStore({ location, cacheDirectory: cache.path, environment: repo.environment })
  const { signal } = new AbortController()
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
  const ref = 'refs/trunkline/env/prod'
  await store.push([{ ref, expected: null, change: { kind: 'append', commits: [commit] } }], signal)
  assert.deepEqual(Object.keys(await repo.refs()), ['refs/heads/main', ref])
  await store.close()
})

test('credentials are taken out of URLs and headers, wherever they stand in a text', () => {
  const hidden = [
    'fatal: https://user:p@ss@host/x and ssh://git@host/y failed',
    "'https://token@host/x'",
    'header Authorization: Basic dXNlcjpwYXNz sent',
  ]
  assert.deepEqual(hidden.map(withoutCredentials), [
    'fatal: https://host/x and ssh://host/y failed',
    "'https://host/x'",
    'header Authorization: Basic [hidden] sent',
  ])
})
