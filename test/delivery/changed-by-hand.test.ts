/** What someone changed past Trunkline: a delivery leaves it, unless the target says otherwise; a person's deploy puts it back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RolloutRequest } from '../../src/ports/index.ts'
import { type Bench, createBench, outcomes } from '../fixtures/world.ts'

/** Says of carts that a field was changed, until it is rolled again; answers which rollouts were repairs. */
function changeCarts(bench: Bench): Array<[string, boolean]> {
  const target = bench.target('stage')
  const rolled: Array<[string, boolean]> = []
  const { ensure } = target
  target.ensure = async (request: RolloutRequest, context) => {
    rolled.push([request.service, request.isRepair === true])
    return await ensure(request, context)
  }
  target.findDrift = async () =>
    rolled.length > 0
      ? []
      : [
          {
            service: 'carts',
            subject: 'Deployment shop/carts',
            fields: [{ path: 'spec.replicas', expected: 2, actual: 3, by: { name: 'kubectl', at: null } }],
          },
        ]
  return rolled
}

describe('changes made by hand', () => {
  test('a delivery of what runs leaves them; a deploy by a person puts them back, and says what', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const rolled = changeCarts(bench)
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'nothing' })
    assert.deepEqual(rolled, [])
    const commit = await bench.clone.git('rev-parse', 'HEAD')
    const plan = bench.progress.length
    assert.deepEqual(outcomes(await bench.deploy('stage', commit as never)), { stage: 'succeeded' })
    assert.deepEqual(rolled, [['carts', true]])
    const said = JSON.stringify(bench.progress.slice(plan))
    assert.match(said, /Deployment shop\/carts was changed by hand: spec\.replicas/)
  })

  test('where the target repairs, each delivery puts them back', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const rolled = changeCarts(bench)
    Object.assign(bench.target('stage'), { repairsDrift: true })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(rolled, [['carts', true]])
  })
})
