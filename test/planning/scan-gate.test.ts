import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EnvironmentPolicy, ScanReport } from '../../src/model/index.ts'
import { scanGate } from '../../src/planning/index.ts'
import { digest } from './releases.ts'

describe('the scan gate', () => {
  const nowMs = 1_000_000_000
  const policy = { name: 'prod', scan: { below: 'high', waitMs: 600_000 } } as EnvironmentPolicy
  const decide = (...reports: ScanReport[]) =>
    scanGate(
      policy,
      reports.map((report, index) => ({ service: `s${index}`, artifact: digest(index + 1), report })),
      nowMs,
    )
  const finding = (id: string, severity: 'low' | 'medium' | 'high' | 'critical') => ({
    id,
    severity,
    packageName: 'zlib',
  })

  test('passes findings that are harmless enough, and artifacts that are no images', () => {
    const mild: ScanReport = { kind: 'complete', findings: [finding('CVE-1', 'medium'), finding('CVE-2', 'low')] }
    assert.equal(decide(mild, { kind: 'exempt' }, { kind: 'complete', findings: [] }).action, 'deploy')
  })

  test('refuses what is too severe, the worst first, by name', () => {
    const findings = [finding('CVE-1', 'medium'), finding('CVE-2', 'high'), finding('CVE-3', 'critical')]
    const { action, reasons } = decide({ kind: 'complete', findings })
    assert.equal(action, 'refuse')
    assert.equal(reasons[0]?.code, 'scan-findings')
    assert.match(
      reasons[0]?.message ?? '',
      /^prod takes only findings below high, and s0 \([0-9a-f]+\) has CVE-3 in zlib \(critical\), CVE-2 in zlib \(high\)$/,
    )
    const many = Array.from({ length: 9 }, (_, index) => finding(`CVE-${index}`, 'high'))
    assert.match(decide({ kind: 'complete', findings: many }).reasons[0]?.message ?? '', / and 4 more$/)
  })

  test('waits for a scan under way, and refuses one that is overdue', () => {
    const fresh = decide({ kind: 'pending', sinceMs: nowMs - 60_000 }, { kind: 'complete', findings: [] })
    assert.equal(fresh.action, 'wait')
    assert.equal(fresh.untilMs, nowMs + 30_000)
    assert.equal(decide({ kind: 'pending', sinceMs: null }).action, 'wait')
    const late = decide({ kind: 'pending', sinceMs: nowMs - 601_000 })
    assert.equal(late.action, 'refuse')
    assert.equal(late.reasons[0]?.code, 'scan-overdue')
  })

  test('refuses what cannot be scanned', () => {
    const { action, reasons } = decide({ kind: 'unavailable', why: 'ECR says UNSUPPORTED_IMAGE' })
    assert.equal(action, 'refuse')
    assert.match(
      reasons[0]?.message ?? '',
      /prod takes only what was scanned, and s0 .* was not: ECR says UNSUPPORTED_IMAGE/,
    )
  })

  test('lets everything pass where nothing is said of scans', () => {
    const open = { name: 'stage' } as EnvironmentPolicy
    const report: ScanReport = { kind: 'unavailable', why: 'x' }
    assert.equal(scanGate(open, [{ service: 's', artifact: digest(1), report }], nowMs).action, 'deploy')
  })
})
