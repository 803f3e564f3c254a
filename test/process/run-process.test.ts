import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { maxLineLength, type ProcessRequest, processStartTime, runProcess } from '../../src/process/index.ts'
import { eventually } from './eventually.ts'

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
const shell = (line: string, more: Partial<ProcessRequest> = {}) =>
  runProcess({ argv: ['/bin/sh', '-c', line], env, timeoutMs: 30_000, ...more })
const onLinux = { skip: process.platform !== 'linux' && 'needs Linux' }
const isAlive = (pid: number) => processStartTime(pid) !== null

describe('a child process', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trunkline-process-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  const pidFrom = async (name: string): Promise<number> => {
    const pid = await eventually(async () => {
      const text = await readFile(join(directory, name), 'utf8').catch(() => '')
      return text.endsWith('\n') ? Number(text) : null
    })
    assert.ok(pid > 1)
    return pid
  }

  test('gives its exit code, its output as bytes and its error output as text', async () => {
    const end = await shell(String.raw`printf '\377\000x'; echo käse >&2; exit 3`)
    assert.equal(end.kind, 'exited')
    assert.equal(end.exitCode, 3)
    assert.deepEqual([...end.stdout], [0xff, 0, 0x78])
    assert.equal(end.stderr, 'käse\n')
  })

  test('that writes into files is read as it writes, to its last line, and ends as any other', async () => {
    const outputBy = { stdout: join(directory, 'out'), stderr: join(directory, 'err') }
    const lines: string[] = []
    let seenAt = ''
    const end = await shell('echo one; while [ ! -e seen ]; do sleep 0.02; done; echo odd >&2; printf two; exit 4', {
      ...{ outputBy, cwd: directory },
      onLine(line) {
        lines.push(line)
        if (line !== 'one') return
        seenAt = 'while it ran'
        writeFileSync(join(directory, 'seen'), '')
      },
    })
    assert.deepEqual([end.kind, end.exitCode, end.stdout.toString(), end.stderr], ['exited', 4, 'one\ntwo', 'odd\n'])
    assert.deepEqual([seenAt, [...lines].sort()], ['while it ran', ['odd', 'one', 'two']])
    const endless = await shell('yes', { outputBy, maxOutputBytes: 100_000 })
    assert.equal(endless.kind, 'too-much-output')
    await assert.rejects(runProcess({ argv: [join(directory, 'none')], env, timeoutMs: 1000, outputBy }), {
      code: 'PROCESS_START',
    })
  })

  test('that a signal ends has 128 and the signal as exit code', async () => {
    assert.equal((await shell('kill -TERM $$')).exitCode, 143)
  })

  test('sees the given environment and nothing of ours', async () => {
    process.env['TRUNKLINE_TEST_LEAK'] = 'leak'
    const end = await shell('env', { env: { ...env, GIVEN: 'yes' } })
    delete process.env['TRUNKLINE_TEST_LEAK']
    assert.match(end.stdout.toString(), /^GIVEN=yes$/m)
    assert.doesNotMatch(end.stdout.toString(), /LEAK/)
  })

  test('reads the input it is given, and may end without reading it', async () => {
    assert.equal((await shell('cat', { input: 'abc' })).stdout.toString(), 'abc')
    assert.equal((await shell('exit 0', { input: Buffer.alloc(1024 * 1024) })).exitCode, 0)
  })

  test('that cannot be started is an errored error that names it', async () => {
    await assert.rejects(runProcess({ argv: ['/no/such/program'], env, timeoutMs: 1000 }), {
      kind: 'errored',
      code: 'PROCESS_START',
      message: /\/no\/such\/program/,
    })
    await assert.rejects(runProcess({ argv: ['echo', 'a\0b'], env, timeoutMs: 1000 }), { code: 'PROCESS_START' })
  })

  test('that runs too long is ended with its whole group', async () => {
    const end = await shell(`sleep 300 & echo $! > ${directory}/slow; wait`, { timeoutMs: 300 })
    assert.equal(end.kind, 'timed-out')
    const pid = await pidFrom('slow')
    await eventually(() => !isAlive(pid))
  })

  test('that ignores SIGTERM is killed', async () => {
    const end = await shell(`trap '' TERM; while :; do sleep 0.05; done`, { timeoutMs: 100, killAfterMs: 100 })
    assert.equal(end.kind, 'timed-out')
    assert.equal(end.exitCode, 137)
  })

  test('may take the longest time-out there is', async () => {
    assert.equal((await shell('exit 0', { timeoutMs: Number.MAX_SAFE_INTEGER })).kind, 'exited')
  })

  test('that is cancelled ends, and so does the wait for it', async () => {
    const controller = new AbortController()
    const running = shell(`echo $$ > ${directory}/cancelled; sleep 300`, { signal: controller.signal })
    const pid = await pidFrom('cancelled')
    controller.abort()
    await assert.rejects(running, { kind: 'cancelled' })
    await eventually(() => !isAlive(pid))
    await assert.rejects(shell('exit 0', { signal: controller.signal }), { kind: 'cancelled' })
  })

  test('that writes without end is ended at its output limit', async () => {
    const end = await shell('yes', { maxOutputBytes: 100_000 })
    assert.equal(end.kind, 'too-much-output')
    assert.ok(end.stdout.length <= 100_000)
  })

  test('leaves nothing of its group behind, though that holds its pipes', async () => {
    const end = await shell(`sleep 300 & echo $! > ${directory}/left; exit 0`)
    assert.equal(end.exitCode, 0)
    const pid = await pidFrom('left')
    await eventually(() => !isAlive(pid))
  })

  test('that left a daemon of its own session with its pipes does not keep us waiting', onLinux, async () => {
    const end = await shell(`setsid sh -c 'echo $$ > ${directory}/daemon; exec sleep 300' & sleep 0.3; exit 0`)
    assert.equal(end.exitCode, 0)
    process.kill(await pidFrom('daemon'), 'SIGKILL')
  })

  test('is heard line by line, whatever ends its lines', async () => {
    const lines: string[] = []
    await shell(String.raw`printf 'one\r\ntwo\r10%%\rthree\n\nlast'`, { onLine: (line) => lines.push(line) })
    assert.deepEqual(lines, ['one', 'two', '10%', 'three', '', 'last'])
  })

  test('has its endless lines cut, and the next line whole', async () => {
    const lines: string[] = []
    await shell(`head -c 300000 /dev/zero | tr '\\0' x; echo; echo next`, { onLine: (line) => lines.push(line) })
    assert.deepEqual(
      lines.map((line) => line.length),
      [maxLineLength, 4],
    )
    assert.equal(lines[1], 'next')
  })

  test('whose listener fails is ended, and the fault is thrown', async () => {
    const fault = new Error('listener')
    const onLine = () => {
      throw fault
    }
    await assert.rejects(shell('echo a; sleep 300', { onLine }), fault)
  })

  test('tied to us runs as it would without', async () => {
    const end = await shell('echo "$0 $#"; cat; exit 7', { input: 'in', endWithUs: true })
    assert.equal(end.exitCode, 7)
    assert.equal(end.stdout.toString(), '/bin/sh 0\nin')
    const words = ['a b', "c'd", '$(touch x)', '*', '']
    const echoed = await runProcess({ argv: ['printf', '<%s>', ...words], env, timeoutMs: 30_000, endWithUs: true })
    assert.equal(echoed.stdout.toString(), words.map((word) => `<${word}>`).join(''))
  })

  test('tied to us has no child that it does not know of', onLinux, async () => {
    // A program may wait for all its children to end: a watcher among them never would.
    const end = await shell('children=$(cat /proc/$$/task/$$/children); echo "<$children>"', { endWithUs: true })
    const [, children = ''] = /^<(.*)>$/m.exec(end.stdout.toString()) ?? []
    assert.equal(children.trim().split(' ').length, 1, 'only the one that reads this')
  })

  for (const [what, line] of [
    ['ordinary', 'sleep 300'],
    ['deaf', `trap '' TERM HUP INT; sleep 300 & wait`],
  ] as const) {
    test(`tied to us dies with us, even by SIGKILL (${what})`, async () => {
      const name = `orphan-${what}`
      const module = new URL('../../src/process/index.ts', import.meta.url).href
      const script = `
        const { runProcess } = await import(${JSON.stringify(module)})
        const argv = ['/bin/sh', '-c', ${JSON.stringify(`echo $$ > ${directory}/${name}; ${line}`)}]
        await runProcess({ argv, env: process.env, timeoutMs: 300_000, endWithUs: true })`
      const controller = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
      const pid = await pidFrom(name)
      controller.kill('SIGKILL')
      await once(controller, 'exit')
      await eventually(() => !isAlive(pid))
    })
  }
})
