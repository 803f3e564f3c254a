/** The caches under Trunkline's home: many may make one at once, and no one takes it away from under a neighbour. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
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
