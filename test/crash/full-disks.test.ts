/** Disks that are full and folders that cannot be written: said clearly, exit 4, nothing lost, and it goes on afterwards. */
import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { mountSmallDisk, smallDiskMissing } from '../parts/small-disk.ts'
import { documentOf } from './commands.ts'
import { type CrashWorld, createCrashWorld } from './crash-world.ts'
import { assertSound, endState, readBuilds } from './end-state.ts'

/** What cannot be written, and how its user hears of it. */
const places = {
  home: { folder: (world: CrashWorld) => world.home('ada'), said: /DISK_FULL|disk-full/ },
  artifacts: { folder: (world: CrashWorld) => join(world.root, 'artifacts'), said: /ARTIFACT_STORE_FULL/ },
  remote: {
    folder: (world: CrashWorld) => world.remote.directory,
    said: /disk of that repository is full|not be renewed in time: .*space/,
  },
} as const
type Place = keyof typeof places

const diskBytes = 16 * 1024 * 1024
/** Nothing at all; and so little that it ends somewhere on the way. */
const roomsBytes = [0, 64 * 1024, 144 * 1024]

describe('a full disk', { skip: smallDiskMissing(), concurrency: 3 }, () => {
  for (const place of Object.keys(places) as Place[]) {
    test(`for ${place} is said to be one, wherever it happens; with space again the delivery goes on`, async () => {
      await using world = await createCrashWorld({ way: 'path' })
      documentOf(await world.start(['deliver'], { by: 'ben' }).ended, 0)
      await world.push({ 'carts/main.txt': 'two\n', 'products/main.txt': 'two\n', 'tools.txt': 'two\n' })
      const { folder, said } = places[place]
      using disk = mountSmallDisk(folder(world), diskBytes)
      let errors = 0
      for (const bytes of roomsBytes) {
        disk.leave(bytes)
        const ended = await world.start(['deliver']).ended
        if (ended.exitCode === 0) break
        errors += 1
        documentOf(ended, 4)
        assert.match(ended.stdout, said, `with ${bytes} bytes left`)
        assert.match(ended.stdout, /space/)
      }
      assert.ok(errors > 0)
      disk.free()
      assert.match(documentOf<DeliveryResult>(await world.start(['deliver']).ended, 0).outcome, /succeeded|nothing/)
      const commit = await world.clones.ada.head()
      const end = await endState(world)
      assert.equal(end.environments.stage?.running?.commit, await subjectOf(world, commit))
      assert.deepEqual(end.environments.stage?.waiting, null)
      assert.equal((await readBuilds(world)).length, 4, 'what was built before counts')
      await assertSound(world)
    })
  }
})

const subjectOf = (world: CrashWorld, commit: string): Promise<string> =>
  world.clones.ada.git('log', '-1', '--format=%s', commit)

/** Root writes anywhere, until it gives up that right. */
const withoutRights = { program: 'setpriv', parameters: ['--bounding-set=-dac_override', '--inh-caps=-dac_override'] }

describe('a folder that cannot be written', {
  skip: process.platform !== 'linux' && 'gives up a right of Linux',
}, () => {
  const read = {
    home: /CACHE_UNWRITABLE|BUILD_DIRECTORY/,
    artifacts: /ARTIFACT_STORE_DENIED/,
    remote: /STATE_REJECTED/,
  }
  for (const place of Object.keys(places) as Place[]) {
    test(`(${place}) is named, and its right given back all goes on`, async () => {
      await using world = await createCrashWorld({ way: 'path' })
      const folder = places[place].folder(world)
      await mkdir(folder, { recursive: true })
      const locked = place === 'remote' ? [join(folder, 'objects'), join(folder, 'refs')] : [folder]
      for (const path of locked) await chmod(path, 0o555)
      const isRoot = process.getuid?.() === 0
      const ended = await world.start(['deliver'], isRoot ? { through: withoutRights } : {}).ended
      documentOf(ended, 4)
      assert.match(ended.stdout, read[place])
      assert.match(ended.stdout, new RegExp(`${place === 'remote' ? 'remote.git' : folder}`), 'the folder is named')
      assert.match(ended.stdout, /"hint": "/)
      for (const path of locked) await chmod(path, 0o755)
      documentOf(await world.start(['deliver']).ended, 0)
      assert.equal((await readBuilds(world)).length, 2)
      await assertSound(world)
    })
  }
})
