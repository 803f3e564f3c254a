/** What `trunkline doctor` says about variables as this machine has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examineEnvironment } from '../../src/doctor/environment.ts'
import { createBench, shopConfig } from '../fixtures/world.ts'

test('secrets too short or too common to be masked are named, without their values, and so is what is not set', async () => {
  const config = shopConfig((shop) => {
    Object.assign(shop.services['carts'] ?? {}, {
      env: {
        PIN: { from: 'PIN', secret: true },
        SWITCH: { from: 'SWITCH', secret: true },
        TOKEN: { from: 'TOKEN', secret: true },
        SIZE: { from: 'SIZE', secret: false },
        LACKING: { from: 'LACKING', secret: true },
      },
    })
    Object.assign(shop.services['products'] ?? {}, { env: { CODE: { from: 'PIN', secret: true } } })
  })
  await using bench = await createBench({ config })
  Object.assign(bench.environment, {
    STAGE_PIN: 'x7q',
    STAGE_SWITCH: 'enabled',
    STAGE_TOKEN: 'long-enough',
    STAGE_SIZE: 'xl',
  })
  const findings = await examineEnvironment(bench.engine, await bench.scene(), 'stage', new AbortController().signal)
  const notes = findings.filter(({ verdict }) => verdict === 'note')
  assert.deepEqual(
    notes.map(({ message }) => message),
    ['not set here: STAGE_LACKING', 'secrets that are not masked in output and logs: STAGE_PIN, STAGE_SWITCH'],
  )
  assert.match(notes[1]?.hint ?? '', /shorter than 4 characters/)
  assert.doesNotMatch(JSON.stringify(findings), /x7q/)
})
