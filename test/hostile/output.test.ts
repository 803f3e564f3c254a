/** Programs that print without end: a verdict in time, and neither memory nor disk goes with it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject, type Started } from '../system/project-under-test.ts'
import { smallShop } from '../system/small-shop.ts'

const mebibyte = 1024 * 1024

/** Highest resident memory of a process while it ran; Linux. */
async function peakBytes({ process, ended }: Started): Promise<number> {
  let kibibytes = 0
  const timer = setInterval(() => {
    try {
      const [, found] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, 'latin1')) ?? []
      kibibytes = Math.max(kibibytes, Number(found ?? 0))
    } catch {
      // It has ended.
    }
  }, 20)
  await ended
  clearInterval(timer)
  return kibibytes * 1024
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

const noise = {
  lines: 'yes 0123456789 | head -c 3000000000',
  endless: 'head -c 3000000000 /dev/zero | tr "\\0" x',
  binary: 'head -c 3000000000 /dev/urandom',
  escapes: 'yes "$(printf "\\033]52;c;AAAA\\033[2J\\033[")" | head -c 3000000000',
}

const onLinux = { skip: process.platform === 'linux' ? false : 'memory is read from /proc' }

for (const [name, command] of Object.entries(noise)) {
  test(
    `a check that prints ${name} without end fails by its limit, in bounded memory, and nothing of it is kept`,
    onLinux,
    async () => {
      await using project = await openProject({
        files: smallShop({ services: { web: { checks: { [name]: command } } } }),
      })
      const before = await sizeOf(project.home)
      const started = project.start(['check', 'HEAD'], { environment: { CI: 'true' } })
      const peak = await peakBytes(started)
      const { exitCode, stdout, stderr } = await started.ended
      const said = stdout + stderr
      assert.equal(exitCode, 1, said.slice(-2000))
      assert.ok(said.includes(`wrote more than 64 MiB, the limit of check web/${name}`), said.slice(-2000))
      assert.ok(peak > 0 && peak < 400 * mebibyte, `${Math.round(peak / mebibyte)} MiB`)
      assert.ok(said.length < 4 * mebibyte, 'what is shown is bounded, too')
      assert.ok(!said.includes('\u001b'))
      assert.ok((await sizeOf(project.home)) - before < 8 * mebibyte)
    },
  )
}
