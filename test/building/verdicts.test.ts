import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { describeDuration } from '../../src/building/run-command.ts'
import { matchesVersion } from '../../src/building/tool-versions.ts'
import { homeAt } from '../../src/home/index.ts'
import type { CommitId, Verdict } from '../../src/model/index.ts'
import { processStartTime } from '../../src/process/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { smallDiskMissing } from '../parts/small-disk.ts'
import { eventually } from '../process/eventually.ts'
import { type BuildingWorld, checkOf, createBuildingWorld, listening } from './world.ts'

describe('how a check ends', () => {
  let repository: Repository
  let world: BuildingWorld
  let commit: CommitId
  let aside: string
  before(async () => {
    repository = await createRepository({ files: { 'main.ts': 'x' } })
    world = await createBuildingWorld(repository)
    commit = await repository.head()
    aside = await mkdtemp(join(tmpdir(), 'trunkline-verdicts-'))
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await repository.dispose()
    await rm(aside, { recursive: true })
  })

  const check = (line: string, more = {}, context = listening()) =>
    world.builder.check(checkOf(line, commit, [], more), context)
  const pidFrom = (name: string) =>
    eventually(async () => {
      const text = await readFile(join(aside, name), 'utf8').catch(() => '')
      return text.endsWith('\n') ? Number(text) : null
    })
  const failure = (verdict: Verdict) => {
    assert.ok(!verdict.ok)
    return { ...verdict.reasons[0], logTail: verdict.logTail ?? [] }
  }

  test('red, with its exit code and the last 40 lines', async () => {
    const { code, message, logTail } = failure(await check('seq 100; echo käse >&2; exit 7'))
    assert.equal(code, 'command-failed')
    assert.equal(message, 'check carts/test ended with exit code 7')
    assert.equal(logTail.length, 40)
    assert.deepEqual(logTail.filter((line) => line === 'käse' || line === '100').sort(), ['100', 'käse'])
  })

  test('red at its first failing line', async () => {
    const context = listening()
    assert.equal((await check('echo one\nfalse\necho two', {}, context)).ok, false)
    assert.deepEqual(context.lines, ['one'])
  })

  test('red with a hint where a program is missing', async () => {
    assert.match(failure(await check('no-such-program')).hint ?? '', /not found/)
  })

  test('red when it takes longer than it may, and nothing of it goes on', async () => {
    const verdict = await check(`sleep 300 & echo $! > ${aside}/late; wait`, { timeoutMs: 400 })
    const { code, message } = failure(verdict)
    assert.equal(code, 'timed-out')
    assert.equal(message, 'ran for 400 ms, the limit of check carts/test')
    const pid = await pidFrom('late')
    await eventually(() => processStartTime(pid) === null)
  })

  test('red when it writes without end', async () => {
    const builder = world.another({ maxOutputBytes: 1024 * 1024 })
    const { code, message } = failure(await builder.check(checkOf('yes', commit, []), listening()))
    assert.equal(code, 'too-much-output')
    assert.equal(message, 'wrote more than 1 MiB, the limit of check carts/test')
  })

  test('errored when something else killed it', async () => {
    await assert.rejects(check('kill -KILL $$'), { kind: 'errored', code: 'COMMAND_KILLED' })
  })

  test('errored when it could not begin', async () => {
    await writeFile(join(aside, 'file'), '')
    const builder = world.another({ home: homeAt({ TRUNKLINE_HOME: join(aside, 'file') }) })
    await assert.rejects(builder.check(checkOf('true', commit, []), listening()), {
      kind: 'errored',
      code: 'BUILD_DIRECTORY',
    })
  })

  test('errored when the disk is full, for us or for the command', { skip: smallDiskMissing() }, async () => {
    const disk = join(aside, 'small')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
    try {
      const builder = world.another({ home: homeAt({ TRUNKLINE_HOME: disk }) })
      const line = 'head -c 8m /dev/zero > big'
      await assert.rejects(builder.check(checkOf(line, commit, []), listening()), {
        kind: 'errored',
        code: 'DISK_FULL',
      })
      const large = await repository.commit('large', { large: Buffer.alloc(4 * 1024 * 1024, 'x') })
      const files = await world.files(large, 'large')
      await assert.rejects(builder.check(checkOf('true', large, files), listening()), {
        kind: 'errored',
        code: 'DISK_FULL',
      })
      assert.deepEqual(await readdir(join(disk, 'work')), [])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('cancelled, with its whole group, at once', async () => {
    const controller = new AbortController()
    const running = check(
      `sleep 300 & echo $! > ${aside}/cancelled; wait`,
      {},
      listening({ signal: controller.signal }),
    )
    const pid = await pidFrom('cancelled')
    controller.abort()
    await assert.rejects(running, { kind: 'cancelled' })
    await assert.rejects(check('true', {}, listening({ signal: AbortSignal.abort() })), { kind: 'cancelled' })
    await eventually(() => processStartTime(pid) === null)
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('with nothing left of it, though it went into a session of its own', {
    skip: process.platform !== 'linux' && 'needs Linux',
  }, async () => {
    assert.deepEqual(
      await check(
        `setsid sh -c 'echo $$ > ${aside}/daemon; exec sleep 300' >/dev/null 2>&1 & while ! test -s ${aside}/daemon; do sleep 0.02; done`,
      ),
      { ok: true },
    )
    const pid = await pidFrom('daemon')
    await eventually(() => processStartTime(pid) === null)
  })

  test('told line by line while it runs, secrets masked and terminals safe', async () => {
    const context = listening({ secrets: ['hunter22', 'line-one\nline-two'] })
    const early = eventually(() => context.lines.length === 1)
    const gate = join(aside, 'gate')
    const running = check(
      String.raw`printf 'pw hunt\033[0mer22\n'; while ! test -e ${gate}; do sleep 0.02; done; echo "$(printf hunter22 | base64) line-two" >&2; exit 1`,
      {},
      context,
    )
    await early
    assert.deepEqual(context.lines, ['pw •••'])
    await mkdir(gate)
    assert.deepEqual(failure(await running).logTail, ['pw •••', '••• •••'])
  })
})

describe('tools', () => {
  test('are compared part by part', () => {
    for (const [found, wanted] of [
      ['24.21.0', '24'],
      ['v24.21.0', '24.21'],
      ['1.22.3', 'v1.22.3'],
      ['1.22rc1', '1.22rc1'],
      ['3.11.0-beta.1', '3.11'],
      ['1.22.3', '1.x'],
    ] as const) {
      assert.equal(matchesVersion(found, wanted), true, `${found} is ${wanted}`)
    }
    for (const [found, wanted] of [
      ['24.21.0', '2'],
      ['1.22.3', '1.2'],
      ['1', '1.2'],
    ] as const) {
      assert.equal(matchesVersion(found, wanted), false, `${found} is not ${wanted}`)
    }
  })

  test('other than declared are the fault of the machine, not of the commit', async () => {
    await using repository = await createRepository({ files: { a: 'a' } })
    await using world = await createBuildingWorld(repository)
    const commit = await repository.head()
    const check = (tools: Record<string, string>) =>
      world.builder.check(checkOf('true', commit, [], { tools }), listening())
    assert.deepEqual(
      await check({ git: execFileSync('git', ['--version'], { encoding: 'utf8' }).split(' ')[2]?.trim() ?? '' }),
      { ok: true },
    )
    await assert.rejects(check({ git: '1.5' }), {
      kind: 'errored',
      code: 'TOOL_VERSION',
      message: /git is 2\..* here, and the project declares 1\.5/,
    })
    await assert.rejects(check({ 'no-such-tool': '1' }), {
      kind: 'errored',
      code: 'TOOL_MISSING',
      message: /no-such-tool/,
    })
    await assert.rejects(check({ true: '1' }), { kind: 'errored', code: 'TOOL_VERSION' })
  })
})

test('durations are told as people say them', () => {
  const told = [250, 1000, 90_000, 900_000, 3_600_000, 5_400_000].map(describeDuration)
  assert.deepEqual(told, ['250 ms', '1 s', '90 s', '15 min', '1 h', '1 h 30 min'])
})
