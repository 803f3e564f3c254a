/** Folders in a place where everybody may write: what somebody else has put there first is not used. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '../../src/clock/index.ts'
import { type FleetPaths, fleetPathsAt, makeFleetFolders } from '../../src/targets/fleet/agent/fleet-paths.ts'
import { ensureLocalAgent } from '../../src/targets/fleet/local-agent.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-shared-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Paths of a fleet whose sockets are in a folder that others could have made. */
function fleetBeside(name: string): { paths: FleetPaths; shared: string } {
  const shared = join(folder, name)
  const root = fleetPathsAt(join(folder, `${name}-fleet`))
  const sockets = { socket: join(shared, 'a.sock'), router: join(shared, 'router'), shared }
  return { paths: { ...root, ...sockets }, shared }
}
const ensure = (paths: FleetPaths) =>
  ensureLocalAgent({ paths, clock: systemClock, command: ['/bin/false'] }, AbortSignal.timeout(60_000))
const isRoot = process.getuid?.() === 0

test('a link in the place of the folder for sockets is not followed, and nothing behind it is changed', async () => {
  const { paths, shared } = fleetBeside('link')
  const precious = join(folder, 'precious')
  mkdirSync(precious)
  chmodSync(precious, 0o755)
  symlinkSync(precious, shared)
  assert.throws(() => makeFleetFolders(paths), { code: 'FLEET_FOLDER' })
  await assert.rejects(ensure(paths), { code: 'FLEET_FOLDER' })
  assert.equal(statSync(precious).mode & 0o777, 0o755)
})

test('a file in its place is said to be one', () => {
  const { paths, shared } = fleetBeside('file')
  symlinkSync('/nonexistent', shared)
  assert.throws(() => makeFleetFolders(paths), { code: 'FLEET_FOLDER' })
})

test('a folder of another user, with an agent of theirs in it, is told nothing', {
  skip: !isRoot && 'needs root',
}, async () => {
  const { paths, shared } = fleetBeside('theirs')
  mkdirSync(shared)
  let calls = 0
  const theirAgent = createServer(() => {
    calls += 1
  }).listen(paths.socket)
  await once(theirAgent, 'listening')
  lchownSync(shared, 65_534, 65_534)
  await assert.rejects(ensure(paths), { code: 'FLEET_FOLDER' })
  await promisify(theirAgent.close.bind(theirAgent))()
  assert.equal(calls, 0)
  assert.equal(statSync(shared).uid, 65_534)
})

test('a folder of our own that others may enter is closed to them', () => {
  const { paths, shared } = fleetBeside('open')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  makeFleetFolders(paths)
  for (const made of [shared, paths.root, paths.router]) assert.equal(statSync(made).mode & 0o777, 0o700, made)
})
