import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { newOwnerMark } from '../../src/building/owner-mark.ts'
import type { CommitId } from '../../src/model/index.ts'
import type { PrepareRequest } from '../../src/ports/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { eventually } from '../process/eventually.ts'
import { type BuildingWorld, checkOf, createBuildingWorld, hashOf, listening, prepareOf } from './world.ts'

describe('prepare', () => {
  let repository: Repository
  let world: BuildingWorld
  let commit: CommitId
  /** Every run of `prepare` leaves a line here. */
  let runs: string
  let aside: string
  before(async () => {
    repository = await createRepository({
      files: { 'package.json': '{}', 'services/a/package.json': '{"a":1}', 'services/a/main.ts': 'a' },
    })
    world = await createBuildingWorld(repository)
    commit = await repository.head()
    aside = await mkdtemp(join(tmpdir(), 'trunkline-prepare-'))
    runs = join(aside, 'runs')
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await repository.dispose()
    await rm(aside, { recursive: true })
  })

  const manifests = () => world.files(commit, 'package.json', 'services/a/package.json')
  /** Counts its runs and makes something. */
  const counted = async (name: string, line: string, more: Partial<PrepareRequest> = {}) =>
    prepareOf(`echo ${name} >> ${runs}; ${line}`, await manifests(), { hash: hashOf(name), ...more })
  const runsOf = async (name: string) =>
    (await readFile(runs, 'utf8').catch(() => '')).split('\n').filter((line) => line === name).length
  const check = async (line: string, prepare: PrepareRequest, context = listening(), builder = world.builder) => {
    const verdict = await builder.check(checkOf(line, commit, [], { prepare }), context)
    return { verdict, lines: context.lines }
  }

  test('runs once for one content, and every build gets a copy that it may change', async () => {
    const prepare = await counted('once', 'mkdir node_modules; echo dep > node_modules/dep')
    for (let build = 0; build < 3; build += 1) {
      const { verdict, lines } = await check(
        'cat node_modules/dep; echo spoilt > node_modules/dep; find . -type f',
        prepare,
      )
      assert.deepEqual(verdict, { ok: true })
      assert.deepEqual(lines.slice(-2), ['dep', './node_modules/dep'])
    }
    assert.equal(await runsOf('once'), 1)
    await check('true', { ...prepare, hash: hashOf('other content') })
    assert.equal(await runsOf('once'), 2)
  })

  test('sees its input files; of them, and of folders for them alone, builds see nothing', async () => {
    const prepare = await counted('inputs', 'cat services/a/package.json > made; test ! -e services/a/main.ts')
    const { verdict, lines } = await check('cat made; echo; find . | sort', prepare)
    assert.deepEqual(verdict, { ok: true })
    assert.deepEqual(lines.slice(-3), ['{"a":1}', '.', './made'])
  })

  test('has its modes and links kept; links by absolute path into itself are made relative', async () => {
    const line =
      'mkdir -p bin lib; echo "echo tool" > lib/tool; chmod +x lib/tool; ln -s "$PWD/lib/tool" bin/tool; ln -s ../lib bin/lib; ln lib/tool lib/hard'
    const prepare = await counted('links', line)
    const { verdict, lines } = await check('readlink bin/tool bin/lib; bin/tool; echo x >> lib/hard', prepare)
    assert.deepEqual(verdict, { ok: true })
    assert.deepEqual(lines.slice(-3), ['../lib/tool', '../lib', 'tool'])
    const again = await check('cat lib/tool', prepare)
    assert.deepEqual(again.lines, ['echo tool'], 'a copy shares no file with the original')
  })

  test('that fails is a failed verdict, for each who asked for it, and leaves nothing', async () => {
    const prepare = await counted('red', 'sleep 1; echo no such package; exit 1')
    const results = await Promise.all([check('true', prepare), check('true', prepare), check('true', prepare)])
    for (const { verdict } of results) {
      assert.ok(!verdict.ok)
      assert.equal(verdict.reasons[0]?.message, 'prepare ended with exit code 1')
      assert.deepEqual(verdict.logTail, ['no such package'])
    }
    assert.equal(await runsOf('red'), 1)
    assert.ok(!(await readdir(world.home.prepared)).includes(hashOf('red')))
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('that cannot reach the network is errored: it says nothing about the commit', async () => {
    const prepare = await counted('offline', 'echo "npm error code ECONNRESET" >&2; exit 1')
    await assert.rejects(check('true', prepare), { kind: 'errored', code: 'PREPARE_NETWORK', message: /ECONNRESET/ })
  })

  test('is done once by two processes at once: the second waits for the first', async () => {
    const gate = join(aside, 'gate')
    const prepare = await counted('shared', `while ! test -e ${gate}; do sleep 0.02; done; echo made > made`)
    // Two builders know as little of each other as two processes do: what they share is the folder.
    const contexts = [listening(), listening()]
    const builders = [world.builder, world.another()]
    const running = contexts.map((context, at) => check('cat made', prepare, context, builders[at]))
    await eventually(() => contexts.some(({ lines }) => lines.some((line) => line.startsWith('waiting for another'))))
    await writeFile(gate, '')
    for (const { verdict, lines } of await Promise.all(running)) {
      assert.deepEqual(verdict, { ok: true })
      assert.equal(lines.at(-1), 'made')
    }
    assert.equal(await runsOf('shared'), 1)
  })

  test('is taken over from a process that died at it', async () => {
    const prepare = await counted('taken over', 'echo made > made')
    const dead = spawn('sleep', ['300'])
    const mark = newOwnerMark().replace(/^([^-]+)-[^-]+-/, `$1-${(dead.pid ?? 0).toString(36)}-`)
    dead.kill('SIGKILL')
    await eventually(() => dead.signalCode !== null)
    await mkdir(world.home.prepared, { recursive: true })
    await writeFile(join(world.home.prepared, `${prepare.hash}.lock`), mark)
    assert.deepEqual((await check('cat made', prepare)).verdict, { ok: true })
    assert.equal(await runsOf('taken over'), 1)
    assert.deepEqual(
      (await readdir(world.home.prepared)).filter((name) => name.includes('.lock')),
      [],
    )
  })

  test('one cancelled does not cancel the other who waits for it', async () => {
    const second = join(aside, 'second')
    const line = `if test -e ${second}; then echo made > made; else touch ${second}; sleep 300; fi`
    const prepare = await counted('cancelled', line)
    const controller = new AbortController()
    const cancelled = check('true', prepare, listening({ signal: controller.signal }))
    await eventually(() => existsSync(second))
    const waiting = check('cat made', prepare)
    controller.abort()
    await assert.rejects(cancelled, { kind: 'cancelled' })
    assert.deepEqual((await waiting).verdict, { ok: true })
  })

  test('shows no token that only it is passed', async () => {
    const builder = world.another({ environment: { ...process.env, NPM_TOKEN: 'npm-token-of-anna' } })
    const prepare = await counted('token', 'echo "$NPM_TOKEN"; exit 1', { env: { set: {}, pass: ['NPM_TOKEN'] } })
    const { verdict } = await check('true', prepare, listening(), builder)
    assert.deepEqual(verdict.ok ? null : verdict.logTail, ['•••'])
  })

  test('keeps the snapshots used last, within its limits, and never drops one in use', async () => {
    await using small = await createBuildingWorld(repository, {
      snapshotLimits: { maxSnapshots: 2, maxBytes: 1024 ** 3 },
    })
    const { prepared } = small.home
    const use = async (name: string) => {
      const hash = hashOf(name)
      const verdict = await small.builder.check(
        checkOf('true', commit, [], { prepare: prepareOf('echo x > x', [], { hash }) }),
        listening(),
      )
      assert.deepEqual(verdict, { ok: true })
    }
    const kept = async () => {
      const names = await readdir(prepared)
      return ['one', 'two', 'three', 'four', 'five'].filter((name) => names.includes(hashOf(name)))
    }
    const age = async (name: string, seconds: number) => {
      const at = new Date(Date.now() - seconds * 1000)
      await utimes(join(prepared, hashOf(name), 'bytes'), at, at)
    }
    await use('one')
    await use('two')
    await age('one', 100)
    await age('two', 50)
    await use('three')
    assert.deepEqual(await eventually(async () => ((await kept()).length === 2 ? kept() : null)), ['two', 'three'])
    await writeFile(join(prepared, hashOf('two'), 'users', newOwnerMark()), '')
    await age('three', 30)
    await use('four')
    await age('four', 20)
    await use('five')
    await eventually(async () => !(await kept()).includes('three'))
    assert.deepEqual(await kept(), ['two', 'four', 'five'])
    await eventually(async () => (await readdir(small.home.work)).length === 0)
  })

  test('copies ten thousand files without ado', async (context) => {
    const line =
      'i=0; while [ $i -lt 100 ]; do mkdir -p node_modules/$i; (cd node_modules/$i; seq 100 | xargs touch); i=$((i+1)); done'
    const prepare = await counted('many', line)
    assert.deepEqual((await check('true', prepare)).verdict, { ok: true })
    const startedAt = performance.now()
    const { lines } = await check('find node_modules -type f | wc -l', prepare)
    assert.equal(lines.at(-1)?.trim(), '10000')
    context.diagnostic(`a build on 10,000 prepared files took ${Math.round(performance.now() - startedAt)} ms`)
  })

  test('asks for its environment as builds do', async () => {
    const prepare = await counted('environment', 'echo "$MODE" > mode; test -z "$UNDECLARED"', {
      env: { set: { MODE: 'x' }, pass: [] },
    })
    const builder = world.another({ environment: { ...process.env, UNDECLARED: '1' } })
    assert.equal((await check('cat mode', prepare, listening(), builder)).lines.at(-1), 'x')
  })

  test('of a verification is the same as of a build', async () => {
    const prepare = await counted('verification', 'echo made > made')
    const context = listening()
    const request = { commit, prepare, run: 'cat made services/a/main.ts', env: {}, timeoutMs: 60_000 }
    assert.deepEqual(await world.builder.runInCheckout(request, context), { ok: true })
    assert.deepEqual(context.lines.slice(-2), ['made', 'a'])
  })
})
