import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSignature, withParent, withSignature } from '../../src/git/commit-signature.ts'
import { openStateStore } from '../../src/git/index.ts'
import type { CommitId } from '../../src/model/index.ts'
import type { StateCommit } from '../../src/ports/index.ts'
import { isSignedBy, openSigner, parsePublicKey, parseSignature } from '../../src/signing/index.ts'
import { createBareRemote } from '../fixtures/repository.ts'
import { makeKey } from '../signing/keys.ts'
import { temporaryFolder } from './temporary-folder.ts'

const { signal } = new AbortController()
const ref = 'refs/trunkline/env/prod'

const commit = (subject: string, more: Partial<StateCommit> = {}): StateCommit => ({
  subject,
  body: 'a body',
  trailers: [['Event', 'approved']],
  author: { name: 'Ada', email: 'ada@example.com' },
  at: '2024-05-01T12:00:00.000Z',
  put: { 'event.json': `${subject}\n` },
  remove: [],
  ...more,
})

test('signed state commits are good to git itself and to us, one on top of the other', async () => {
  await using folder = await temporaryFolder()
  const remote = await createBareRemote()
  const key = makeKey(folder.path, 'key')
  const signer = await openSigner({ key: key.path, saidBy: 'test', environment: process.env })
  const allowed = join(folder.path, 'allowed_signers')
  writeFileSync(allowed, `ada@example.com ${key.publicKey}\n`)
  const store = openStateStore({
    location: remote.directory,
    cacheDirectory: folder.path,
    environment: remote.environment,
  })
  try {
    const first = await store.push(
      [{ ref, expected: null, change: { kind: 'append', commits: [commit('one')] } }],
      signal,
    )
    assert.ok(first.kind === 'pushed')
    const base = first.tips.get(ref) as CommitId
    const commits = [commit('two', { signer }), commit('three', { signer })]
    const second = await store.push([{ ref, expected: base, change: { kind: 'append', commits } }], signal)
    assert.ok(second.kind === 'pushed')
    const entries = await store.history(second.tips.get(ref) as CommitId, { limit: 10, files: ['event.json'] })
    assert.deepEqual(
      entries.map((entry) => [entry.subject, entry.files['event.json'], entry.signature === null]),
      [
        ['three', 'three\n', false],
        ['two', 'two\n', false],
        ['one', 'one\n', true],
      ],
    )
    for (const { signature } of entries.slice(0, 2)) {
      assert.ok(signature)
      assert.equal(
        isSignedBy(parseSignature(signature.armored), parsePublicKey(key.publicKey), signature.payload),
        true,
      )
    }
    const shown = execFileSync(
      'git',
      ['-c', `gpg.ssh.allowedSignersFile=${allowed}`, 'log', '--format=%G? %GS %s', ref],
      { cwd: remote.directory, encoding: 'utf8', env: { ...process.env, ...remote.environment } },
    )
    assert.deepEqual(shown.trim().split('\n'), ['G ada@example.com three', 'G ada@example.com two', 'N  one'])
    await remote.git('fsck', '--strict', '--no-progress')
  } finally {
    await store.close()
    await remote.dispose()
  }
})

test('a commit can start from an earlier tree: what came between is in history and not in its files', async () => {
  await using folder = await temporaryFolder()
  const remote = await createBareRemote()
  const store = openStateStore({
    location: remote.directory,
    cacheDirectory: folder.path,
    environment: remote.environment,
  })
  try {
    const push = async (expected: CommitId | null, ...commits: StateCommit[]) => {
      const result = await store.push([{ ref, expected, change: { kind: 'append', commits } }], signal)
      assert.ok(result.kind === 'pushed')
      return result.tips.get(ref) as CommitId
    }
    const good = await push(null, commit('good', { put: { 'a/b.json': 'good' } }))
    const junk = await push(good, commit('junk', { put: { 'a/b.json': 'junk', 'c/d.json': 'junk' } }))
    const next = await push(junk, commit('next', { put: { 'e.json': 'next' }, base: good }))
    const files = await store.readFiles(next, ['a/b.json', 'c/d.json', 'e.json'])
    assert.deepEqual(Object.fromEntries(files), { 'a/b.json': 'good', 'e.json': 'next' })
    const history = await store.history(next, { limit: 5, files: [] })
    assert.deepEqual(
      history.map(({ subject }) => subject),
      ['next', 'junk', 'good'],
    )
  } finally {
    await store.close()
    await remote.dispose()
  }
})

test('a signature is over the commit without its signatures; two of them are none', () => {
  const content = Buffer.from('tree a\nparent b\nauthor c\ncommitter d\nencoding utf-8\n\nsubject\n\ngpgsig not one\n')
  const armored = '-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n'
  for (const format of ['sha1', 'sha256'] as const) {
    const signed = withSignature(content, armored, format)
    assert.deepEqual(readSignature(signed, format), { armored, payload: content })
    assert.equal(readSignature(withSignature(signed, armored, format), format), null)
    const other = format === 'sha1' ? 'sha256' : 'sha1'
    assert.equal(readSignature(signed, other), null, 'of the other kind of repository')
    assert.deepEqual(readSignature(withSignature(signed, armored, other), format)?.payload, content)
  }
  assert.equal(readSignature(content, 'sha1'), null)
  assert.equal(withParent(content, 'x').toString(), content.toString().replace('parent b', 'parent x'))
  const root = Buffer.from('tree a\nauthor c\n\nsubject\n\nparent b\n')
  assert.equal(withParent(root, 'x'), root)
})
