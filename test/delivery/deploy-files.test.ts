/** Files that say how a service is deployed to a cluster: whom they concern, and how they get there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readDeployFiles } from '../../src/ledger/index.ts'
import type { ObjectId } from '../../src/model/index.ts'
import { type Bench, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const described = () =>
  shopConfig((shop) => {
    shop.services['carts'] = {
      ...shop.services['carts'],
      run: {
        command: 'serve',
        port: 'PORT',
        kubernetes: {
          helm: { chart: 'deploy/{service}', values: ['deploy/values.yaml', 'deploy/{environment}.yaml'] },
        },
      },
    }
    Object.assign(shop.environments['prod'] ?? {}, { on: { branch: 'main' } })
  })

const files = {
  'deploy/carts/Chart.yaml': 'name: carts\n',
  'deploy/carts/icon.png': Buffer.from([0xff, 0xfe, 0, 1]).toString('latin1'),
  'deploy/values.yaml': 'replicas: 2\n',
  'deploy/stage.yaml': 'host: stage\n',
  'deploy/prod.yaml': 'host: prod\n',
}

const received = (bench: Bench, environment: string) => bench.target(environment).state().files?.['carts']

const buildsOf = (bench: Bench): number => bench.builder.work.filter((work) => work.startsWith('build ')).length

const rolledSince = (bench: Bench, environment: string, from: number) =>
  bench
    .target(environment)
    .effects()
    .slice(from)
    .filter((effect) => effect.startsWith('roll'))
    .map((effect) => effect.split(' ')[1])

describe('files that a description is read from', () => {
  test('each environment receives what is common and what is its own', async () => {
    await using bench = await createBench({ config: described(), files })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded', prod: 'succeeded' })
    const common = { 'deploy/carts/Chart.yaml': 'name: carts\n', 'deploy/values.yaml': 'replicas: 2\n' }
    const { 'deploy/carts/icon.png': _icon, ...stage } = received(bench, 'stage') ?? {}
    assert.deepEqual(stage, { ...common, 'deploy/stage.yaml': 'host: stage\n' })
    assert.equal(received(bench, 'prod')?.['deploy/prod.yaml'], 'host: prod\n')
    assert.equal(received(bench, 'prod')?.['deploy/stage.yaml'], undefined)
    assert.deepEqual(bench.target('stage').state().files?.['products'], {}, 'the others are described by nothing')
  })

  test('a change of one environment alone redeploys nothing elsewhere, and rebuilds nothing', async () => {
    await using bench = await createBench({ config: described(), files })
    await bench.deliver('main')
    const [stage, prod, built] = [
      bench.target('stage').effects().length,
      bench.target('prod').effects().length,
      buildsOf(bench),
    ]
    await bench.push('main', { 'deploy/prod.yaml': 'host: prod two\n' })
    await bench.deliver('main')
    assert.deepEqual(rolledSince(bench, 'stage', stage), [])
    assert.deepEqual(rolledSince(bench, 'prod', prod), ['carts', 'carts'])
    assert.equal(buildsOf(bench), built)
    await bench.push('main', { 'deploy/carts/Chart.yaml': 'name: carts two\n' })
    await bench.deliver('main')
    assert.deepEqual(rolledSince(bench, 'stage', stage), ['carts', 'carts'], 'a chart concerns every environment')
  })

  test('a way back takes them as they were released; they are kept with the records', async () => {
    await using bench = await createBench({ config: described(), files })
    await bench.deliver('main')
    const first = received(bench, 'stage')
    await bench.push('main', { 'deploy/carts/Chart.yaml': 'name: carts two\n', 'deploy/stage.yaml': 'host: two\n' })
    await bench.deliver('main')
    await using other = await bench.controller()
    const { ledger } = other.engine
    const ids = (await bench.clone.git('rev-parse', 'HEAD~1:deploy/stage.yaml', 'HEAD~1:deploy/carts/icon.png')).split(
      '\n',
    )
    const kept = await readDeployFiles(ledger, await ledger.refresh(new AbortController().signal), ids as ObjectId[])
    assert.equal(kept.size, 2, 'text and bytes are on record')
    assert.deepEqual(outcomes(await other.rollback('stage')), { stage: 'succeeded' })
    assert.deepEqual(received(bench, 'stage'), first)
  })
})
