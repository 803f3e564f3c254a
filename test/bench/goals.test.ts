import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeGoals, tableOfGoals } from '../../bench/measuring/goals.ts'
import type { Report } from '../../bench/measuring/measure.ts'

const reportOf = (bench: string, part: Partial<Report>): Report => ({
  ...{ bench, about: '', rows: [], skipped: [], notes: [] },
  ...part,
})
const row = (name: string, minMs: number, medianMs = minMs) => ({ name, minMs, medianMs, runs: 3 })

describe('the goals of benchmarks', () => {
  it('are judged by the published form where it was measured, and by the median of a time', () => {
    const rows = [
      row('trunkline (sources): deliver, nothing to do', 400),
      row('trunkline (bundle): deliver, nothing to do', 250, 310),
      row('trunkline (bundle): deliver, one service changed', 2000, 2900),
    ]
    const judged = judgeGoals([{ bench: 'deliver', report: reportOf('deliver', { rows }), text: '' }])
    assert.deepEqual(
      judged.map(({ figure, isMet }) => [figure, isMet]),
      [
        ['250 ms (median 310 ms)', false],
        ['2000 ms (median 2900 ms)', true],
      ],
    )
  })

  it('say that nothing was measured where a benchmark failed or a peer is missing', () => {
    const plan = reportOf('plan', { rows: [{ ...row('trunkline (bundle): plan', 250), peakMb: 119 }] })
    const judged = judgeGoals([
      { bench: 'plan', report: plan, text: '' },
      { bench: 'history', report: null, text: '' },
    ])
    assert.deepEqual(
      judged.map(({ isMet }) => isMet),
      [null, true, null, null],
    )
    assert.match(tableOfGoals(judged), /not measured +-$/m)
    assert.match(tableOfGoals(judged), /119 MB +met$/m)
  })

  it('read the router’s ratios from what it prints, first on one core, then on all', () => {
    const text = `one core: 3 rounds
Trunkline's router   9000 req/s
kamal-proxy          8000 req/s
    ours / it, req/s  median 1.12  by round 1.10 1.12 1.20
    ours / it, p99    median 1.40  by round 1.40
all cores: 3 rounds
kamal-proxy          8000 req/s
    ours / it, req/s  median 0.98  by round 0.98
`
    const [kamal] = judgeGoals([{ bench: 'router', report: null, text }])
    assert.deepEqual([kamal?.figure, kamal?.isMet], ['1.12 on one core, 0.98 on all', false])
  })
})
