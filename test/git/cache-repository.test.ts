/** The caches under Trunkline's home: many may make one at once, and no one takes it away from under a neighbour. */
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { cacheRepository } from '../../src/git/cache-repository.ts'
import { temporaryFolder } from './temporary-folder.ts'

test('neighbours who make a cache at once all get the same one', async () => {
  await using folder = await temporaryFolder()
  const directory = join(folder.path, 'state.git')
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        // Each comes a little later than the one before.
        for (let turn = 0; turn < index; turn++) await setImmediate()
        return cacheRepository({ directory, objectFormat: 'sha1', environment: process.env }).prepare()
      }),
    )
    assert.equal(new Set(answers).size, 1)
    await rm(directory, { recursive: true })
  }
})

test('a folder that is no cache of ours is replaced', async () => {
  await using folder = await temporaryFolder()
  const directory = join(folder.path, 'state.git')
  const cache = cacheRepository({ directory, objectFormat: 'sha1', environment: process.env })
  const first = await cache.prepare()
  await writeFile(join(directory, 'trunkline-cache'), 'something else')
  const second = await cache.prepare()
  assert.notEqual(second, first)
  assert.equal(await cache.prepare(), second)
})

test('locks and half caches that killed processes left are taken away; what someone is at just now stays', async () => {
  await using folder = await temporaryFolder()
  const directory = join(folder.path, 'state.git')
  const open = () => cacheRepository({ directory, objectFormat: 'sha1', environment: process.env })
  await open().prepare()
  await mkdir(join(directory, 'refs/tips'), { recursive: true })
  const longAgo = new Date(Date.now() - 3_600_000)
  const left = ['packed-refs.lock', 'refs/tips/aa.lock', '../state.git.1.new']
  for (const name of left) {
    await writeFile(join(directory, name), '')
    await utimes(join(directory, name), longAgo, longAgo)
  }
  await writeFile(join(directory, 'HEAD.lock'), '')
  await writeFile(join(directory, '../state.git.2.old'), '')
  await writeFile(join(directory, '../another.git.3.old'), '')
  await utimes(join(directory, '../another.git.3.old'), longAgo, longAgo)
  await open().prepare()
  const names = await readdir(folder.path, { recursive: true })
  const found = names.filter((name) => /\.(?:lock|new|old)$/.test(name)).sort()
  assert.deepEqual(found, ['another.git.3.old', 'state.git.2.old', 'state.git/HEAD.lock'])
})
