import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgePush } from '../../src/git/push-report.ts'

/** What git and hosts are known to say: `!\t<from>:<to>\t<summary>` on standard output, the rest on standard error. */
const reports: Array<{ says: string; stderr?: string; verdict: string }> = [
  { says: '[rejected] (stale info)', verdict: 'lost-race' },
  { says: '[rejected] (fetch first)', verdict: 'lost-race' },
  { says: '[rejected] (non-fast-forward)', verdict: 'lost-race' },
  { says: '[rejected] (already exists)', verdict: 'lost-race' },
  { says: "[remote rejected] (cannot lock ref 'refs/x': is at 1234 but expected 5678)", verdict: 'lost-race' },
  { says: '[remote rejected] (reference already exists)', verdict: 'lost-race' },
  { says: '[remote rejected] (incorrect old value provided)', verdict: 'lost-race' },
  {
    says: '[remote rejected] (failed to update ref)',
    stderr: "remote: error: cannot lock ref 'refs/x': Unable to create '/srv/x.lock': File exists.",
    verdict: 'lost-race',
  },
  {
    says: '[remote rejected] (atomic transaction failed)',
    stderr: "remote: error: cannot lock ref 'refs/x': is at 1234 but expected 5678",
    verdict: 'lost-race',
  },
  { says: '[remote rejected] (failed to update ref)', verdict: 'not-updated' },
  { says: '[remote rejected] (atomic transaction failed)', verdict: 'not-updated' },
  { says: '[remote failure] (remote failed to report status)', verdict: 'not-updated' },
  { says: '[remote rejected] (pre-receive hook declined)', verdict: 'rejected' },
  { says: '[remote rejected] (hook declined)', verdict: 'rejected' },
  { says: '[remote rejected] (deny updating a hidden ref)', verdict: 'rejected' },
  { says: '[remote rejected] (protected branch hook declined)', stderr: 'remote: error: GH006', verdict: 'rejected' },
]

for (const { says, stderr = '', verdict } of reports) {
  test(`${says}${stderr ? ` with «${stderr}»` : ''} is judged ${verdict}`, () => {
    const stdout = Buffer.from(`To https://example.com/x.git\n!\tabc:refs/x\t${says}\nDone\n`)
    assert.equal(judgePush({ kind: 'exited', exitCode: 1, stdout, stderr }).kind, verdict)
  })
}

test('without a report the way to the remote, or its right to be used, is what failed', () => {
  const judge = (stderr: string) => judgePush({ kind: 'exited', exitCode: 128, stdout: Buffer.alloc(0), stderr }).kind
  assert.equal(judge('fatal: unable to access: Could not resolve host: example.com'), 'unreachable')
  assert.equal(judge('fatal: the remote end hung up unexpectedly'), 'unreachable')
  assert.equal(
    judge('remote: Permission to a/b.git denied to c.\nfatal: The requested URL returned error: 403'),
    'rejected',
  )
  assert.equal(judge('fatal: the receiving end does not support --atomic push'), 'rejected')
  assert.equal(
    judge('git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.'),
    'unreachable',
  )
})
