import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { withScratchFolder } from '../../src/targets/scratch-folder.ts'

describe('folders that a target works in', () => {
  const outside = process.env['TMPDIR']
  let root = ''
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'trunkline-scratch-test-'))
    process.env['TMPDIR'] = root
  })
  after(() => {
    if (outside === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = outside
    rmSync(root, { recursive: true })
  })

  test('are gone with what was done in them, also where it failed', async () => {
    const seen = await withScratchFolder('trunkline-site-', async (folder) => {
      writeFileSync(join(folder, 'index.html'), 'hello')
      return folder
    })
    assert.ok(!existsSync(seen))
    await assert.rejects(
      withScratchFolder('trunkline-site-', () => Promise.reject(new Error('no room'))),
      /no room/,
    )
    assert.deepEqual(readdirSync(root), [])
  })

  test('are swept up where a controller was killed: after a day, and only their own kind', async () => {
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
    for (const name of ['trunkline-site-dead', 'trunkline-site-busy', 'trunkline-stack-dead', 'somebody-elses']) {
      mkdirSync(join(root, name))
      writeFileSync(join(root, name, 'file'), '')
      if (name !== 'trunkline-site-busy') utimesSync(join(root, name), twoDaysAgo, twoDaysAgo)
    }
    await withScratchFolder('trunkline-site-', async () => {})
    assert.deepEqual(readdirSync(root).sort(), ['somebody-elses', 'trunkline-site-busy', 'trunkline-stack-dead'])
  })
})
