/** Nobody forges a trailer, a line or a terminal command in a commit of the ledger, whatever a name or a reason says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitMessage } from '../../src/git/state-commits.ts'
import { eventMessage } from '../../src/ledger/index.ts'
import { createRepository } from '../fixtures/repository.ts'
import { candidate, eventAt } from '../ledger/events.ts'

const injections = [
  'x\n\nApproved-by: Eve\nRelease: 1',
  'x\r\n\r\nRelease: 1',
  'x\rRelease: 1',
  'x\u2028Release: 1',
  'x\u0085\nRelease: 1',
  '\u001b]0;owned\u0007\u001b[2J\u009b31m',
  'good \u202egnihtemos\u202c',
]

for (const injection of injections) {
  test(`${JSON.stringify(injection)} stays in its place, as git reads the message`, async () => {
    await using repository = await createRepository({ files: { a: '1' } })
    const event = {
      ...eventAt(1, {
        ...{ kind: 'failed' as const, deployment: null, step: injection, logTail: [], reactions: [] },
        candidate: { ...candidate(1), version: injection },
      }),
      actor: { name: `Eve ${injection}`, email: `e> <admin@x${injection}` },
      reasons: [{ code: 'x', message: injection }],
    }
    const message = eventMessage(event)
    const text = commitMessage({ ...message, author: event.actor, at: event.at, put: {}, remove: [] })
    await repository.git('commit', '-q', '--allow-empty', '--cleanup=verbatim', '-m', text)
    const trailers = await repository.git('log', '-1', '--format=%(trailers:only,unfold)')
    const names = trailers
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.slice(0, line.indexOf(':')))
    assert.deepEqual(
      names,
      message.trailers.map(([name]) => name),
    )
    assert.doesNotMatch(text, /^(?:Approved-by|Release: 1$)/m)
    assert.doesNotMatch(text, /[^\P{Cc}\n]|[\u2028\u202a-\u202e]/u)
    assert.doesNotMatch(trailers, /<.*<|>.*>/)
  })
}
