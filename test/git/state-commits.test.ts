import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openStateStore } from '../../src/git/index.ts'
import { commitMessage, commitStream } from '../../src/git/state-commits.ts'
import type { StateCommit } from '../../src/ports/index.ts'
import { createBareRemote } from '../fixtures/repository.ts'
import { temporaryFolder } from './temporary-folder.ts'

const plain: StateCommit = {
  subject: 'subject',
  body: '',
  trailers: [],
  author: { name: 'Ada', email: 'ada@example.com' },
  at: '2024-05-01T12:00:00Z',
  put: {},
  remove: [],
}

test('a message has subject, body and trailers in paragraphs of their own', () => {
  const trailers = [
    ['Release', 'abc'],
    ['By', 'Ada'],
  ] as const
  assert.equal(
    commitMessage({ ...plain, subject: 'two\nlines', body: '\nbody\n\nmore\n', trailers }),
    'two lines\n\nbody\n\nmore\n\nRelease: abc\nBy: Ada\n',
  )
  assert.equal(commitMessage({ ...plain, trailers }), 'subject\n\nRelease: abc\nBy: Ada\n')
  assert.equal(commitMessage(plain), 'subject\n')
})

test('a trailer cannot be forged by what another one says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
      const message = commitMessage({ ...plain, trailers: [[`a${name}`, value]] })
      assert.equal(message.split('\n').length, 4, 'subject, blank, one trailer, end')
    }),
  )
})

test('a path that leaves its tree is a mistake of the caller', () => {
  for (const path of ['', '/a', 'a//b', '../a', 'a/../b', './a', 'a/', 'a\0b']) {
    const updates = [
      {
        ref: 'refs/x',
        expected: null,
        change: { kind: 'replace' as const, commit: { ...plain, put: { [path]: '' } } },
      },
    ]
    assert.throws(() => commitStream(updates, { objectFormat: 'sha1', name: 'x' }), TypeError, path)
  }
})

test('any text in any file comes back as it was written, whoever the author is', async () => {
  await using remote = await createBareRemote()
  await using cache = await temporaryFolder()
  const { signal } = new AbortController()
  const store = openStateStore({
    location: remote.directory,
    cacheDirectory: cache.path,
    environment: remote.environment,
  })
  const texts = [
    ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 60 }), { numRuns: 60, seed: 7 }),
    'done\n',
    'data 3\nabc\nget-mark :1\n',
    '',
  ]
  const put = Object.fromEntries(texts.map((text, index) => [`f ${index}/"quoted" \\ü\n${index}`, text]))
  const author = { name: '<Mallory>\n', email: 'm@x> 1 +0000\ncommitter X <x' }
  const commit = { ...plain, put, author, subject: 'data 5\nfrom refs/heads/main', body: 'done' }
  const result = await store.push(
    [{ ref: 'refs/trunkline/x', expected: null, change: { kind: 'append', commits: [commit] } }],
    signal,
  )
  const tip = result.kind === 'pushed' ? result.tips.get('refs/trunkline/x') : null
  assert.ok(tip)
  const files = await store.readFiles(tip, Object.keys(put))
  assert.deepEqual(Object.fromEntries(files), put)
  const [entry] = await store.history(tip, { limit: 1, files: [] })
  assert.equal(entry?.author.name, 'Mallory')
  assert.equal(entry?.subject, 'data 5 from refs/heads/main')
  await store.close()
})
