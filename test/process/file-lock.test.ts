/** The lock on a file that outlives no process: by SQLite, and by `flock` for a Node without it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lockByFlock, lockBySqlite } from '../../src/process/file-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-lock-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const source = new URL('../../src/process/file-lock.ts', import.meta.url).href
const hasFlock = spawnSync('flock', ['--version']).error === undefined

for (const [name, lockBy, skip] of [
  ['lockBySqlite', lockBySqlite, false],
  ['lockByFlock', lockByFlock, !hasFlock && 'flock is missing'],
] as const) {
  test(`${name}: only one process holds the lock, and its death frees it`, { skip }, async () => {
    const path = join(folder, name)
    const tryInChild = () => {
      const code = `const { ${name} } = await import('${source}')
        process.stdout.write((await ${name}(process.argv[1])) ? 'held' : 'refused')
        process.kill(process.pid, 'SIGKILL')`
      return spawnSync(process.execPath, ['--input-type=module', '-e', code, path], { encoding: 'utf8' }).stdout
    }
    /** What the kernel frees at a death, it frees a moment after it. */
    const isHeldAtLast = async () => {
      for (let attempt = 0; attempt < 200; attempt++) {
        if (tryInChild() === 'held') return true
        await sleep(10)
      }
      return false
    }
    assert.equal(tryInChild(), 'held')
    let lock = await lockBy(path)
    for (let attempt = 0; lock === null && attempt < 1000; attempt++) {
      await sleep(10)
      lock = await lockBy(path)
    }
    assert.ok(lock, 'a lock whose holder was killed is free')
    assert.equal(tryInChild(), 'refused')
    lock.release()
    assert.ok(await isHeldAtLast())
  })
}
