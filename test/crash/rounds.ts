/** What the worlds of an ordeal are told to do, one after the other, again and again. */
import type { CrashWorld } from './crash-world.ts'

export type Round = {
  name: string
  /** Makes the cause; answers the words of the command that is to be killed. `turn` makes each time different. */
  prepare(world: CrashWorld, turn: number): Promise<readonly string[]>
  /** Of that command, undisturbed. */
  exitCode: number
  /** Leaves the world ready for the next round; not killed. */
  conclude?(world: CrashWorld): Promise<void>
}

const changed = (turn: number, word = 'more'): Record<string, string> => ({
  'carts/main.txt': `carts ${word} ${turn}\n`,
  'products/main.txt': `products ${word} ${turn}\n`,
})

const run = async (world: CrashWorld, ...words: string[]): Promise<void> => {
  const { exitCode, stdout, stderr } = await world.start(words).ended
  if (exitCode !== 0) throw new Error(`trunkline ${words.join(' ')} ended with ${exitCode}: ${stdout} ${stderr}`)
}

export const rounds: readonly [Round, ...Round[]] = [
  {
    name: 'deliver a change of everything',
    exitCode: 0,
    async prepare(world, turn) {
      await world.push({ ...changed(turn), 'tools.txt': `${turn}\n` })
      return ['deliver']
    },
  },
  {
    name: 'deliver what fails its verification',
    exitCode: 1,
    async prepare(world, turn) {
      await world.push(changed(turn, 'BROKEN'))
      return ['deliver']
    },
  },
  {
    name: 'deliver what mends it',
    exitCode: 0,
    async prepare(world, turn) {
      await world.push(changed(turn))
      return ['deliver']
    },
  },
  {
    name: 'promote by tag',
    exitCode: 0,
    async prepare(world, turn) {
      await world.clones.ada.tag(`v1.0.${turn}`)
      await world.clones.ada.push('origin', `v1.0.${turn}`)
      await world.clones.ben.git('fetch', '--quiet', '--tags', 'origin')
      return ['deliver', '--ref', `v1.0.${turn}`]
    },
  },
  {
    name: 'roll back by hand',
    exitCode: 0,
    async prepare(world, turn) {
      const before = await world.clones.ada.head()
      await world.push(changed(turn, 'later'))
      await run(world, 'deliver')
      return ['rollback', 'stage', '--to', before]
    },
    conclude: (world) => run(world, 'resume', 'stage'),
  },
  {
    name: 'deploy an older commit',
    exitCode: 0,
    prepare: async (world) => ['deploy', 'stage', await world.clones.ada.head('HEAD~1')],
  },
  {
    name: 'run a task',
    exitCode: 0,
    prepare: async () => ['run', 'stage', 'seed'],
  },
  {
    name: 'yank a release',
    exitCode: 0,
    async prepare(world, turn) {
      await world.push(changed(turn, 'bad'))
      await run(world, 'deliver')
      return ['yank', await world.clones.ada.head(), '--reason', 'it is bad']
    },
    async conclude(world) {
      await world.push({ 'README.md': 'a shop\n', ...changed(0, 'good') })
    },
  },
  {
    name: 'deliver a red commit',
    exitCode: 1,
    async prepare(world, turn) {
      await world.push({ 'carts/main.txt': `RED ${turn}\n`, 'products/main.txt': `products ${turn}\n` })
      return ['deliver']
    },
  },
]
