import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openSourceRepository } from '../../src/git/index.ts'
import type { HistoryStep } from '../../src/ports/index.ts'

const environment = {
  ...process.env,
  ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
  ...{ GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'a@example.com' },
  ...{ GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'a@example.com' },
}

describe('a branch as it grew', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'trunkline-first-parents-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const git = (...argv: string[]) => execFileSync('git', argv, { cwd: folder, env: environment, stdio: 'pipe' })
  const commit = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    git('add', '-A')
    git('commit', '--quiet', '--allow-empty', '-m', `${name} ${content}`)
  }

  it('tells of each commit, merges and empty ones too, what it changed against its first parent', async () => {
    git('init', '--quiet', '--initial-branch=main')
    commit('a.txt', 'one')
    commit('ä\n:b.txt', 'one')
    commit('a.txt', 'one') // changes nothing
    git('checkout', '--quiet', '-b', 'side')
    commit('side.txt', 'one')
    commit('side.txt', 'two')
    git('checkout', '--quiet', 'main')
    commit('a.txt', 'two')
    git('merge', '--quiet', '--no-edit', 'side')
    git('rm', '--quiet', 'a.txt')
    git('commit', '--quiet', '-m', 'gone')

    const options = { directory: folder, cacheDirectory: join(folder, '.git/ours'), remote: 'origin', environment }
    const source = await openSourceRepository(options)
    try {
      const to = await source.resolve('main')
      const steps: HistoryStep[] = []
      for await (const step of source.firstParents({ from: null, to })) steps.push(step)
      assert.equal(steps.length, 6)
      assert.deepEqual(
        steps.map(({ changes }) => changes.map(({ path, kind }) => `${kind} ${path}`)),
        [[], ['added ä\n:b.txt'], [], ['modified a.txt'], ['added side.txt'], ['removed a.txt']],
      )
      for (const [at, { commit: made, changes }] of steps.entries()) {
        const parent = made.parents[0]
        assert.equal(parent, steps[at - 1]?.commit.id)
        if (parent !== undefined) assert.deepEqual(changes, await source.changes(parent, made.id))
      }
      const later: HistoryStep[] = []
      const from = steps[3]?.commit.id ?? null
      for await (const step of source.firstParents({ from, to })) later.push(step)
      assert.deepEqual(later, steps.slice(4))
    } finally {
      await source.close()
    }
  })
})
