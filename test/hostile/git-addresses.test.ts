/** Addresses of remotes come from configuration files: none of them runs a command. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStateStore } from '../../src/git/index.ts'
import { parseFolder } from '../../src/git/tree-object.ts'
import { temporaryFolder } from '../git/temporary-folder.ts'

const { signal } = new AbortController()

for (const scheme of ['ext::sh -c', 'ssh://-oProxyCommand=']) {
  test(`${scheme} is errored, and nothing is run`, async () => {
    await using folder = await temporaryFolder()
    const mark = join(folder.path, 'mark')
    const location = scheme.startsWith('ext') ? `${scheme} touch% ${mark}` : `${scheme}touch ${mark}/shop.git`
    const environment = {
      ...process.env,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'protocol.ext.allow',
      GIT_CONFIG_VALUE_0: 'always',
    }
    await using store = Object.assign(
      openStateStore({ location, cacheDirectory: join(folder.path, 'cache'), environment }),
      { [Symbol.asyncDispose]: () => Promise.resolve() },
    )
    await assert.rejects(
      store.refresh(['refs/trunkline/'], signal),
      (error: Error & { kind?: string }) => error.kind === 'errored',
    )
    await store.close()
    assert.ok(!existsSync(mark))
  })
}

test('a tree object out of form is an error, not a circle', () => {
  const entry = Buffer.concat([Buffer.from('100644 a\0'), Buffer.alloc(20, 1)])
  for (const rest of ['', '100644 b', '100644 b\0short', 'x'.repeat(50)]) {
    if (rest === '') assert.equal(parseFolder(entry, 20).size, 1)
    else assert.throws(() => parseFolder(Buffer.concat([entry, Buffer.from(rest)]), 20), { code: 'OBJECT_READ' })
  }
})
