import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EnvironmentRecord, parseRecord } from '../../../src/targets/lambda/record/record.ts'

const where = 's3://functions/records/shop/stage.json'

/** Never changed: environments out there are remembered in it. A new format gets a new version, and a sample of its own. */
const ofVersion1: EnvironmentRecord = {
  version: 1,
  epoch: 7,
  functions: {
    carts: {
      name: 'shop-stage-carts',
      isStack: false,
      url: 'https://carts.example',
      functionUrl: null,
      secrets: ['API_KEY'],
      settled: { generation: 'g1', artifact: 'sha256:aa', fingerprint: 'f', version: '3' },
      pending: {
        ...{ generation: 'g2', artifact: 'sha256:bb', fingerprint: null, version: '4' },
        ...{ weight: 10, verifiedAtMs: null, ringing: { 'carts-errors': 1_700_000_000_000 } },
      },
    },
  },
}

describe('what is remembered of functions', () => {
  test('is read as it was written', () => {
    assert.deepEqual(parseRecord(JSON.stringify(ofVersion1), where), ofVersion1)
  })

  test('is read from before stacks were remembered, too', () => {
    const { isStack: _, ...carts } = ofVersion1.functions['carts'] ?? assert.fail()
    const earlier = { ...ofVersion1, functions: { carts: { ...carts, isOurs: true } } }
    assert.deepEqual(parseRecord(JSON.stringify(earlier), where), ofVersion1)
  })

  test('by a newer Trunkline is left to it', () => {
    assert.throws(() => parseRecord(JSON.stringify({ ...ofVersion1, version: 2, more: true }), where), {
      kind: 'errored',
      code: 'RECORD_NEWER',
      message: `a newer Trunkline has written ${where} (version 2)`,
    })
  })

  test('is named where it is something else, with what helps', () => {
    for (const text of ['', 'null', '{"version":1}', '<html>']) {
      assert.throws(() => parseRecord(text, where), { kind: 'errored', code: 'RECORD_UNREADABLE' })
    }
  })
})
