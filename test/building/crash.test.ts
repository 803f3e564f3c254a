import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { livenessOfMark, newOwnerMark } from '../../src/building/owner-mark.ts'
import { createWorkDirectory, sweepWorkDirectories } from '../../src/building/work-directory.ts'
import { homeAt } from '../../src/home/index.ts'
import { processStartTime } from '../../src/process/index.ts'
import { eventually } from '../process/eventually.ts'

describe('a builder that is killed in the middle of a build', () => {
  let root: string
  let controller: ChildProcess | undefined
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-crash-')))
  })
  afterEach(async () => {
    controller?.kill('SIGKILL')
    await rm(root, { recursive: true, force: true })
  })

  const pidFrom = (name: string) =>
    eventually(async () => {
      const text = await readFile(join(root, name), 'utf8').catch(() => '')
      return text.endsWith('\n') ? Number(text) : null
    })

  /** Runs a check in a process of its own, kills that with SIGKILL when the check has begun. */
  const killDuring = async (line: string, ready: () => Promise<unknown>) => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
    const script = `
      const { createBuilder } = await import(${url('../../src/building/index.ts')})
      const { homeAt } = await import(${url('../../src/home/index.ts')})
      const { realClock, checkOf, listening } = await import(${url('./world.ts')})
      const home = homeAt({ TRUNKLINE_HOME: ${JSON.stringify(join(root, 'home'))} })
      const source = { readBlobs: async () => new Map() }
      const builder = createBuilder({ source, artifacts: {}, home, environment: process.env, clock: realClock })
      await builder.check(checkOf(${JSON.stringify(line)}, 'c', []), listening())`
    controller = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const exited = once(controller, 'exit')
    await ready()
    controller.kill('SIGKILL')
    await exited
  }

  test('leaves no command running', async () => {
    await killDuring(`sleep 300 & echo $! > ${root}/child; wait`, () => pidFrom('child'))
    const pid = await pidFrom('child')
    await eventually(() => processStartTime(pid) === null)
  })

  test('leaves a directory, and perhaps a daemon, which the next one sweeps away', {
    skip: process.platform !== 'linux' && 'reads /proc',
  }, async () => {
    const line = `setsid sh -c 'echo $$ > ${root}/daemon; exec sleep 300' >/dev/null 2>&1 & while :; do sleep 0.05; done`
    await killDuring(line, () => pidFrom('daemon'))
    const { work } = homeAt({ TRUNKLINE_HOME: join(root, 'home') })
    assert.equal((await readdir(work)).length, 1)
    const alive = await createWorkDirectory(work)
    assert.equal(await sweepWorkDirectories(work, Date.now()), 1)
    assert.deepEqual(await readdir(work), [alive.root.split('/').at(-1)])
    const pid = await pidFrom('daemon')
    await eventually(() => processStartTime(pid) === null)
  })

  test("leaves alone what is another host's or another container's, until it is old; and what is none of ours", async () => {
    const foreign = newOwnerMark().replace(/^[^-]+/, '00000000')
    await mkdir(join(root, foreign))
    await mkdir(join(root, 'notes'))
    const now = Date.now()
    assert.equal(livenessOfMark(foreign), 'unknown')
    assert.equal(await sweepWorkDirectories(root, now), 0)
    await writeFile(join(root, foreign, 'file'), '')
    const longAgo = new Date(now - 48 * 3_600_000)
    await utimes(join(root, foreign), longAgo, longAgo)
    await utimes(join(root, 'notes'), longAgo, longAgo)
    assert.equal(await sweepWorkDirectories(root, now), 1)
    assert.deepEqual(await readdir(root), ['notes'])
  })
})
