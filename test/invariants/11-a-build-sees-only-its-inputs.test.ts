/** Invariant 11, with the real builder: clean directories, hooks in the artifact, verification in a clean checkout. */
import assert from 'node:assert/strict'
import { execPath } from 'node:process'
import { describe, test } from 'node:test'
import { createBuilder } from '../../src/building/index.ts'
import { homeAt } from '../../src/home/index.ts'
import { createBenchClock } from '../fixtures/bench-clock.ts'
import { type Bench, type Controller, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

/** Lists every file it can see, but for what Trunkline itself lays there. */
const list = `find . -type f | sort`

const realConfig = shopConfig((shop) => {
  delete shop.services['products']
  Object.assign(shop.services['carts'] ?? {}, {
    checkInputs: ['carts/test/**'],
    deployInputs: ['carts/deploy/**'],
    checks: { test: list },
    build: `${list} > carts/seen.txt; env | cut -d= -f1 | sort > carts/env.txt; cat carts/seen.txt`,
  })
  Object.assign(shop.environments['stage'] ?? {}, { verify: [{ name: 'looks around', run: list }] })
  shop['prepare'] = { run: 'mkdir -p vendor && echo installed > vendor/dependency.txt', inputs: ['lock.txt'] }
})
const files = {
  'carts/test/cart.test.txt': 'a test',
  'carts/deploy/size.txt': 'small',
  'lock.txt': 'locked',
  'secret-notes.txt': 'not an input of anything',
}

async function real(bench: Bench): Promise<Controller> {
  const environment = { PATH: `${process.env['PATH']}:${execPath}`, HOME: bench.place.directory, LEAKED: 'yes' }
  return await bench.controller({
    builder: ({ source, artifacts, directory }) =>
      createBuilder({
        ...{ source, artifacts, environment, clock: createBenchClock() },
        home: homeAt({ TRUNKLINE_HOME: directory, HOME: directory }),
      }),
  })
}

const linesOf = (controller: Controller, step: string): string[] =>
  controller.progress.flatMap((event) => (event.kind === 'step-log' && event.step === step ? event.line : [])).sort()

/** Files that the step listed. */
const filesSeen = (controller: Controller, step: string): string[] =>
  linesOf(controller, step).filter((line) => line.startsWith('./'))

describe('11. a build sees only its inputs', () => {
  test('a build has its inputs and what prepare made, a check its tests besides, a verification the whole commit', async () => {
    await using bench = await createBench({ config: realConfig, files })
    const controller = await real(bench)
    assert.deepEqual(outcomes(await controller.deliver('main')), { stage: 'succeeded' })
    const prepared = ['./lock.txt', './vendor/dependency.txt']
    const build = filesSeen(controller, 'build:carts')
    assert.deepEqual(without(build, ['./carts/seen.txt', ...prepared]), ['./carts/main.txt'])
    assert.deepEqual(without(filesSeen(controller, 'check:carts/test'), prepared), [
      './carts/main.txt',
      './carts/test/cart.test.txt',
    ])
    assert.deepEqual(without(filesSeen(controller, 'stage/verify:looks around'), ['./vendor/dependency.txt']), [
      './README.md',
      './carts/deploy/size.txt',
      './carts/main.txt',
      './carts/test/cart.test.txt',
      './lock.txt',
      './products/main.txt',
      './secret-notes.txt',
      './trunkline.yaml',
    ])
  })

  test('the environment of who delivers does not leak into it', async () => {
    const config = shopConfig((shop) => {
      delete shop.services['products']
      Object.assign(shop.services['carts'] ?? {}, { build: 'echo "leaked: $LEAKED"', checks: {} })
      delete shop.environments['stage']?.['verify']
    })
    await using bench = await createBench({ config })
    const controller = await real(bench)
    await controller.deliver('main')
    assert.ok(linesOf(controller, 'build:carts').includes('leaked: '))
  })

  test('what is no input rebuilds nothing; a check input only rechecks; a deploy input only redeploys', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.services['carts'] ?? {}, { checkInputs: ['carts/test/**'], deployInputs: ['carts/deploy/**'] })
    })
    await using bench = await createBench({ config, files })
    await bench.deliver('main')
    const work = async (path: string) => {
      const [before, effects] = [bench.builder.work.length, bench.target('stage').effects().length]
      await bench.push('main', { [path]: 'changed' })
      await bench.deliver('main')
      const rolled = bench
        .target('stage')
        .effects()
        .slice(effects)
        .map((effect) => effect.split(' ')[1])
      const done = bench.builder.work.slice(before).filter((entry) => !entry.startsWith('verify'))
      return { done, rolled: [...new Set(rolled)] }
    }
    assert.deepEqual(await work('secret-notes.txt'), { done: [], rolled: [] })
    assert.deepEqual(await work('carts/test/cart.test.txt'), { done: ['check carts/test'], rolled: [] })
    assert.deepEqual(await work('carts/deploy/size.txt'), { done: [], rolled: ['carts'] })
    assert.deepEqual(await work('carts/main.txt'), { done: ['check carts/test', 'build carts'], rolled: ['carts'] })
  })

  test('hooks and tasks run in the artifact of the release', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['stage'] ?? {}, {
        hooks: { before: [{ name: 'migrate', run: 'migrate', service: 'products' }] },
      })
      shop['tasks'] = { seed: { service: 'carts', run: 'seed' } }
    })
    await using bench = await createBench({ config })
    const ran: string[] = []
    bench.target('stage').onJob = (job) => {
      ran.push(`${job.name} in ${job.artifact}`)
      return 0
    }
    await bench.deliver('main')
    const running = bench.target('stage').running()
    await bench.push('main', { 'carts/main.txt': 'two' })
    assert.equal(await bench.runTask('stage', 'seed'), true)
    assert.deepEqual(ran, [`migrate in ${running['products']}`, `seed in ${running['carts']}`])
  })
})

const without = (lines: readonly string[], known: readonly string[]) => lines.filter((line) => !known.includes(line))
