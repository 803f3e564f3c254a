import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readChecked, writeChecked } from '../../src/cli/checked-file.ts'
import { selectionCache } from '../../src/cli/selection-cache.ts'

describe('selections kept under TRUNKLINE_HOME', () => {
  let directory = ''
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trunkline-selections-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  const pieces = (text: string) => [Buffer.from(text), new Uint8Array(0), Buffer.from('!')]
  const onlyFile = async (folder: string) => join(folder, (await readdir(folder))[0] ?? assert.fail('no file'))

  it('come back by their key, and another key has none', async () => {
    const cache = selectionCache(join(directory, 'keys'))
    assert.equal(await cache.read('one'), null)
    await cache.write('one', pieces('first'))
    await cache.write('one', pieces('second'))
    assert.equal(Buffer.from((await cache.read('one')) ?? []).toString(), 'second!')
    assert.equal(await cache.read('two'), null)
    assert.equal((await readdir(join(directory, 'keys'))).length, 1)
  })

  it('are of one build of the program alone', async () => {
    const folder = join(directory, 'builds')
    await selectionCache(folder, 'this build').write('key', pieces('ours'))
    assert.equal(await selectionCache(folder, 'another build').read('key'), null)
    assert.notEqual(await selectionCache(folder, 'this build').read('key'), null)
  })

  it('are as if they were not there once a byte is changed, missing or too many, or the file is gone', async () => {
    const folder = join(directory, 'damaged')
    const cache = selectionCache(folder)
    const damages: Array<(file: string, content: Buffer) => Promise<void>> = [
      (file, content) => truncate(file, content.length - 1),
      (file) => truncate(file, 10),
      (file) => truncate(file, 0),
      (file, content) => writeFile(file, Buffer.concat([content, Buffer.from('x')])),
      async (file, content) => {
        content[content.length - 2] = (content[content.length - 2] ?? 0) ^ 1
        await writeFile(file, content)
      },
      (file) => rm(file),
      () => rm(folder, { recursive: true }),
    ]
    for (const damage of damages) {
      await cache.write('key', pieces('whole'))
      assert.notEqual(await cache.read('key'), null)
      const file = await onlyFile(folder)
      await damage(file, await readFile(file))
      assert.equal(await cache.read('key'), null)
    }
  })

  it('are whole whoever reads and writes at the same time', async () => {
    const cache = selectionCache(join(directory, 'busy'))
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000))
    await cache.write('key', pieces(texts[0] ?? ''))
    const seen = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        if (at % 3 === 0) await cache.write('key', pieces(texts[at % texts.length] ?? ''))
        return await cache.read('key')
      }),
    )
    for (const bytes of seen) assert.match(Buffer.from(bytes ?? []).toString(), /^(a+|b+|c+)!$/)
    assert.equal((await readdir(join(directory, 'busy'))).length, 1)
  })

  it('are a bounded number of files', async () => {
    const folder = join(directory, 'many')
    for (let at = 0; at < 40; at += 1) {
      await writeChecked(folder, join(folder, `file${at}`), pieces(String(at)), 8)
      assert.notEqual(await readChecked(join(folder, `file${at}`)), null)
    }
    assert.ok((await readdir(folder)).length <= 8)
  })

  it('cannot make a command fail where they cannot be written', async () => {
    const file = join(directory, 'a-file')
    await writeFile(file, '')
    const cache = selectionCache(join(file, 'below'))
    await cache.write('key', pieces('text'))
    assert.equal(await cache.read('key'), null)
  })
})
