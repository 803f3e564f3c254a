import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { hostilePath, leadsOutside } from '../../src/building/checkout-paths.ts'

test('ordinary paths, odd ones too, are laid down', () => {
  const fine = [
    'a',
    'a/b',
    '...',
    '.github/x',
    '.gitignore',
    'a b',
    'a\\b',
    '-rf',
    '日本',
    'x\udce9',
    '.gitx',
    'git',
    'a\nb',
  ]
  for (const path of fine) assert.equal(hostilePath(path), null, path)
})

test('a git folder is recognised in every disguise', () => {
  for (const path of ['.git', '.Git/x', 'a/.GIT', 'GIT~1/x', '.git./x', '.git  ', '.git:$DATA', '.g\u200cit/x']) {
    assert.match(hostilePath(path) ?? '', /git folder/, path)
  }
})

test('where a link leads is told as the kernel follows it', async () => {
  const folders = ['a', 'a/b', 'a/b/c', 'd']
  const paths = ['l1', 'a/l2', 'a/b/l3', 'a/b/c/l4', 'd/l5']
  const segment = fc.constantFrom(
    '..',
    '..',
    '.',
    'a',
    'b',
    'c',
    'd',
    ...paths.map((path) => path.split('/').pop() ?? ''),
  )
  const target = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'))
  await fc.assert(
    fc.asyncProperty(fc.tuple(target, target, target, target, target), async (targets) => {
      const outer = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-links-')))
      // Deep enough that what leads out still leads somewhere.
      const root = join(outer, 'o1/o2/o3/o4/o5/o6/o7/o8/root')
      for (const folder of folders) await mkdir(join(root, folder), { recursive: true })
      const links = new Map(paths.map((path, at) => [path, targets[at] ?? '.']))
      for (const [path, to] of links) await symlink(to, join(root, path))
      for (const path of paths) {
        const real = await realpath(join(root, path)).catch(() => null)
        // What does not resolve is judged by the rule alone: the kernel cannot say.
        if (real === null) continue
        const isOutside = !`${real}/`.startsWith(`${root}/`)
        if (isOutside) assert.equal(leadsOutside(path, links), true, `${path} of ${JSON.stringify([...links])}`)
      }
      await rm(outer, { recursive: true })
    }),
    { numRuns: 150 },
  )
  assert.equal(leadsOutside('a/l', new Map([['a/l', '../b']])), false)
  assert.equal(leadsOutside('l', new Map([['l', 'l']])), false, 'a loop leads nowhere')
})
