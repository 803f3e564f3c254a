import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { systemClock, systemRandom } from '../../../src/clock/index.ts'
import { createMasker } from '../../../src/masking/index.ts'
import { type Digest, TrunklineError } from '../../../src/model/index.ts'
import { ArtifactCache } from '../../../src/targets/fleet/agent/artifact-cache.ts'
import { readJson, writeJsonDurably } from '../../../src/targets/fleet/agent/durable-file.ts'
import { Fence } from '../../../src/targets/fleet/agent/fence.ts'
import { openFingerprinter } from '../../../src/targets/fleet/agent/fingerprints.ts'
import { fleetPathsAt, makeFleetFolders } from '../../../src/targets/fleet/agent/fleet-paths.ts'
import { lastLines, linesFrom, rotateLog } from '../../../src/targets/fleet/agent/log-file.ts'
import { readable } from '../../../src/targets/fleet/agent/log-reading.ts'
import { LogTimes } from '../../../src/targets/fleet/agent/log-times.ts'
import { epochsSchema } from '../../../src/targets/fleet/agent/records.ts'
import { serviceKey } from '../../../src/targets/fleet/agent/scope-keys.ts'
import { withExec } from '../../../src/targets/fleet/agent/shell-command.ts'
import { isOlder } from '../../../src/targets/fleet/version.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-agent-parts-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const stage = { project: 'shop', environment: 'stage' }
const isCode = (code: string) => (error: unknown) => error instanceof TrunklineError && error.code === code
const texts = (lines: Array<{ text: string }>) => lines.map((line) => line.text)

test('a single program replaces the shell, anything more stays with it', () => {
  assert.equal(withExec('node dist/main.js --port 1'), 'exec node dist/main.js --port 1')
  assert.equal(withExec(' ./server "a b" '), 'exec ./server "a b"')
  for (const command of [
    'cd app && node main.js',
    'A=1 node main.js',
    'cat x | wc',
    'exec node main.js',
    'export A',
    '$RUN',
  ]) {
    assert.equal(withExec(command), command)
  }
})

test('a log that has grown is moved aside, in a bounded number of files, and its writer goes on', () => {
  const path = join(folder, 'rotated.log')
  for (let round = 1; round <= 5; round++) {
    appendFileSync(path, `${`round ${round} `.repeat(20)}\n`)
    assert.equal(rotateLog(path, { maxBytes: 100, keptFiles: 2 }), true)
  }
  assert.match(readFileSync(`${path}.1`, 'utf8'), /^round 5/)
  assert.match(readFileSync(`${path}.2`, 'utf8'), /^round 4/)
  assert.throws(() => readFileSync(`${path}.3`))
  appendFileSync(path, 'after\n')
  assert.equal(rotateLog(path, { maxBytes: 100, keptFiles: 2 }), false)
  assert.deepEqual(texts(lastLines(path, 10).lines).slice(-1), ['after'])
  assert.equal(lastLines(path, 2).lines.length, 2, 'the file before fills up what is missing')
})

test('reading on from a position gives whole lines once, and begins anew after a rotation', () => {
  const path = join(folder, 'followed.log')
  writeFileSync(path, 'one\ntwo\nthr')
  const first = linesFrom(path, 0)
  assert.deepEqual(texts(first.lines), ['one', 'two'])
  appendFileSync(path, 'ee\nüber\n')
  const second = linesFrom(path, first.next)
  assert.deepEqual(texts(second.lines), ['three', 'über'])
  assert.deepEqual(linesFrom(path, second.next), { lines: [], next: second.next })
  writeFileSync(path, 'new\n')
  assert.deepEqual(texts(linesFrom(path, second.next).lines), ['new'])
})

test('a line is shown from its beginning or not at all: no reading on begins inside one', () => {
  const path = join(folder, 'pieces.log')
  writeFileSync(path, 'one\npassword=hunt')
  const { lines, end } = lastLines(path, 10)
  assert.deepEqual(lines.at(-1), { offset: 4, text: 'password=hunt', isCut: true })
  appendFileSync(path, 'er22\n')
  assert.deepEqual(texts(linesFrom(path, end).lines), ['password=hunter22'])
  const endless = `${'x'.repeat(300_000)}hunter22${'y'.repeat(300_000)}`
  writeFileSync(path, `${endless}\nnext\n`)
  const shown: string[] = []
  for (let at = 0, read = linesFrom(path, at); at < read.next; read = linesFrom(path, at)) {
    shown.push(...texts(read.lines))
    at = read.next
  }
  assert.deepEqual(shown, ['x'.repeat(65_536), 'next'])
  writeFileSync(path, 'a secret begins: hunt')
  appendFileSync(path, '')
  rotateLog(path, { maxBytes: 10, keptFiles: 2 })
  appendFileSync(path, 'er22 is over\nafter\n')
  assert.deepEqual(texts(linesFrom(path, 0).lines), ['after'])
  assert.deepEqual(
    lastLines(path, 10).lines.map(({ text, isCut }) => ({ text, isCut })),
    [
      { text: 'a secret begins: hunt', isCut: true },
      { text: 'after', isCut: false },
    ],
  )
})

test('no escape sequence and no cut saves a secret from being masked', () => {
  const masker = createMasker(['hunter22-secret'])
  assert.equal(readable({ text: 'is hun\u001b[31mter22\u001b[0m-secret', isCut: false }, masker), 'is •••')
  assert.equal(readable({ text: 'is hunter22-se', isCut: true }, masker), 'is •••')
  assert.equal(readable({ text: 'hun\u202eter22\u0000-secret\u009b2J', isCut: false }, masker), '•••')
})

test('a line is dated by when the file was seen to grow', () => {
  const path = join(folder, 'dated.log')
  const times = new LogTimes()
  writeFileSync(path, '')
  times.observe(path, 1000)
  for (const [text, nowMs] of [
    ['first\n', 2000],
    ['second\n', 3000],
  ] as const) {
    appendFileSync(path, text)
    times.observe(path, nowMs)
  }
  assert.equal(times.timeOf(path, 6), 3000)
  assert.equal(times.timeOf(path, 100), 3000)
})

test('an older epoch is refused, also by the next agent; other environments are not concerned', () => {
  const path = join(folder, 'epochs.json')
  new Fence(path).pass(stage, 5)
  const fence = new Fence(path)
  assert.throws(() => fence.pass(stage, 4), isCode('STALE_CONTROLLER'))
  fence.pass(stage, 5)
  fence.pass({ ...stage, environment: 'prod' }, 1)
  fence.forgetProject('shop')
  fence.pass(stage, 1)
})

test('a durable file is whole or not there, and foreign content counts as none', () => {
  const path = join(folder, 'epochs-2.json')
  assert.equal(readJson(path, epochsSchema), null)
  writeJsonDurably(path, { version: 1, epochs: { a: 1 } })
  assert.deepEqual(readJson(path, epochsSchema), { version: 1, epochs: { a: 1 } })
  writeFileSync(path, '{"version":')
  assert.equal(readJson(path, epochsSchema), null)
})

test('the fingerprint key is made once, and a damaged one is not silently replaced', () => {
  const path = join(folder, 'key')
  const first = openFingerprinter(path)(stage, 'carts', { A: '1', B: '2' })
  assert.match(first, /^[0-9a-f]{64}$/)
  assert.equal(openFingerprinter(path)(stage, 'carts', { B: '2', A: '1' }), first)
  assert.notEqual(openFingerprinter(path)({ ...stage, environment: 'prod' }, 'carts', { A: '1', B: '2' }), first)
  writeFileSync(path, 'short')
  assert.throws(() => openFingerprinter(path), isCode('FINGERPRINT_KEY'))
})

test('bytes that are not those of their digest are not kept', async () => {
  const paths = fleetPathsAt(join(folder, 'fleet'))
  makeFleetFolders(paths)
  const cache = new ArtifactCache({
    paths,
    clock: systemClock,
    random: systemRandom,
    baseEnvironment: {},
    log: () => {},
  })
  const digest = `sha256:${'0'.repeat(64)}` as Digest // Well-formed, and nothing has it.
  await assert.rejects(
    cache.receive(digest, Readable.from(['other bytes']), AbortSignal.timeout(10_000)),
    isCode('ARTIFACT_CORRUPT'),
  )
  assert.deepEqual(cache.missingBlobs([digest]), [digest])
})

test('a deep fleet folder gets sockets that the system can open', () => {
  const { socket, router } = fleetPathsAt(`/home/${'deep/'.repeat(40)}fleet`)
  assert.ok(Buffer.byteLength(socket) < 104)
  assert.ok(Buffer.byteLength(join(router, 'router.sock')) < 104)
})

test('keys of different services never meet, however they are spelled', () => {
  const one = serviceKey({ project: 'a/b', environment: 'c' }, 'd')
  const other = serviceKey({ project: 'a', environment: 'b/c' }, 'd')
  assert.notEqual(one, other)
})

test('versions compare as numbers', () => {
  assert.ok(isOlder('0.9.0', '0.10.0'))
  assert.ok(!isOlder('1.0.0', '1.0.0'))
  assert.ok(!isOlder('2.0.0', '1.9.9'))
})
