/** Findings of scans as a gate of an environment: asked of the store where the release's artifacts are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScanReport } from '../../src/model/index.ts'
import { codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const config = shopConfig((shop) => {
  Object.assign(shop.environments['stage'] ?? {}, { scan: { below: 'high', wait: '10m' } })
})

test('a release waits until it is scanned, and then moves on by itself', async () => {
  await using bench = await createBench({ config })
  const { artifacts, clock } = bench.engine.world
  let report: ScanReport = { kind: 'pending', sinceMs: clock.now() }
  artifacts.scanOf = async () => report
  const waits = await bench.deliver('main')
  assert.deepEqual(codes(waits, 'stage'), ['scan-pending', 'scan-pending'])
  assert.ok((await bench.state('stage')).waiting?.until)
  report = { kind: 'complete', findings: [{ id: 'CVE-1', severity: 'medium', packageName: null }] }
  bench.clock.skip(60_000)
  assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
})

test('a release with findings is refused, each service by name, and another environment takes it', async () => {
  const elsewhere = shopConfig((shop) => {
    Object.assign(shop.environments['stage'] ?? {}, { scan: { below: 'high' } })
    shop.environments['demo'] = { ...shop.environments['prod'], on: { branch: 'main' }, after: [] }
  })
  await using bench = await createBench({ config: elsewhere })
  bench.engine.world.artifacts.scanOf = async () => ({
    kind: 'complete',
    findings: [{ id: 'CVE-2026-1', severity: 'critical', packageName: 'zlib' }],
  })
  const delivered = await bench.deliver('main')
  assert.deepEqual(outcomes(delivered), { stage: 'refused', demo: 'succeeded' })
  assert.deepEqual(codes(delivered, 'stage'), ['scan-findings', 'scan-findings'])
})

test('what a store does not scan is refused where scans are wanted', async () => {
  await using bench = await createBench({ config })
  const delivered = await bench.deliver('main')
  assert.deepEqual(outcomes(delivered), { stage: 'refused' })
  assert.deepEqual(codes(delivered, 'stage'), ['scan-unavailable', 'scan-unavailable'])
})
