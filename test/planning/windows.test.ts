/** Windows in their own time zone, over the days that have 23 and 25 hours. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { DeploymentWindow } from '../../src/model/index.ts'
import { windowsAt } from '../../src/planning/index.ts'

const hour = 3_600_000
const minute = 60_000
const at = (text: string): number => Date.parse(text)
const workdays: DeploymentWindow = { cron: '0 9 * * 1-5', durationMs: 8 * hour, timezone: 'Europe/Berlin' }

describe('windows', () => {
  test('no windows are always open', () => {
    assert.equal(windowsAt([], at('2026-01-01T00:00:00Z')).open, true)
  })

  test('a window opens at its start and is closed at its end, to the millisecond', () => {
    // Winter: Berlin is at UTC+1, so 9:00 to 17:00 are 8:00 to 16:00 UTC.
    assert.deepEqual(windowsAt([workdays], at('2026-01-05T07:59:59.999Z')), {
      open: false,
      opensAtMs: at('2026-01-05T08:00:00Z'),
    })
    assert.deepEqual(windowsAt([workdays], at('2026-01-05T08:00:00Z')), {
      open: true,
      closesAtMs: at('2026-01-05T16:00:00Z'),
    })
    assert.equal(windowsAt([workdays], at('2026-01-05T15:59:59.999Z')).open, true)
    assert.deepEqual(windowsAt([workdays], at('2026-01-05T16:00:00Z')), {
      open: false,
      opensAtMs: at('2026-01-06T08:00:00Z'),
    })
  })

  test('after the weekend comes Monday', () => {
    const state = windowsAt([workdays], at('2026-01-09T17:00:00Z'))
    assert.deepEqual(state, { open: false, opensAtMs: at('2026-01-12T08:00:00Z') })
  })

  test('clocks that go forward: 9:00 in Berlin is an hour earlier in UTC from that day on', () => {
    // 29 March 2026, 2:00 becomes 3:00.
    assert.deepEqual(windowsAt([workdays], at('2026-03-27T17:00:00Z')), {
      open: false,
      opensAtMs: at('2026-03-30T07:00:00Z'),
    })
    const night: DeploymentWindow = { cron: '30 1 * * *', durationMs: 2 * hour, timezone: 'Europe/Berlin' }
    const opened = at('2026-03-29T00:30:00Z')
    assert.deepEqual(windowsAt([night], opened), { open: true, closesAtMs: opened + 2 * hour })
    assert.equal(windowsAt([night], opened + 2 * hour).open, false)
  })

  test('clocks that go back: 9:00 in Berlin is an hour later in UTC from that day on', () => {
    // 25 October 2026, 3:00 becomes 2:00.
    assert.deepEqual(windowsAt([workdays], at('2026-10-23T17:00:00Z')), {
      open: false,
      opensAtMs: at('2026-10-26T08:00:00Z'),
    })
  })

  test('a window at an hour that a spring day lacks opens on that day all the same, and not twice in autumn', () => {
    const night: DeploymentWindow = { cron: '30 2 * * *', durationMs: hour, timezone: 'Europe/Berlin' }
    const openMinutes = (from: number) =>
      Array.from({ length: 24 * 60 }, (_, index) => windowsAt([night], from + index * minute).open).filter(Boolean)
        .length
    assert.equal(openMinutes(at('2026-03-28T23:00:00Z')), 60)
    assert.equal(openMinutes(at('2026-10-24T22:00:00Z')), 60)
  })

  test('of several windows the one open longest and the one that opens next count', () => {
    const early: DeploymentWindow = { cron: '0 8 * * *', durationMs: 2 * hour, timezone: 'UTC' }
    const late: DeploymentWindow = { cron: '0 9 * * *', durationMs: 4 * hour, timezone: 'UTC' }
    assert.deepEqual(windowsAt([early, late], at('2026-01-05T09:30:00Z')), {
      open: true,
      closesAtMs: at('2026-01-05T13:00:00Z'),
    })
    assert.deepEqual(windowsAt([early, late], at('2026-01-05T14:00:00Z')), {
      open: false,
      opensAtMs: at('2026-01-06T08:00:00Z'),
    })
  })

  test('a window that starts again before it has ended never closes', () => {
    const always: DeploymentWindow = { cron: '*/10 * * * *', durationMs: hour, timezone: 'UTC' }
    fc.assert(
      fc.property(fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }), (now) => {
        assert.equal(windowsAt([always], now).open, true)
      }),
    )
  })

  test('at the moment it says it opens it is open, and just before it is not', () => {
    const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC')
    const window = fc.record({
      cron: fc.tuple(fc.nat(59), fc.nat(23)).map(([minutes, hours]) => `${minutes} ${hours} * * *`),
      durationMs: fc.integer({ min: 1, max: 12 }).map((hours) => hours * hour),
      timezone: zones,
    })
    const moment = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') })
    fc.assert(
      fc.property(window, moment, (given, now) => {
        const state = windowsAt([given], now)
        if (state.open) {
          assert.ok(state.closesAtMs > now && state.closesAtMs <= now + given.durationMs)
          assert.equal(windowsAt([given], state.closesAtMs - 1).open, true)
          return
        }
        assert.ok(state.opensAtMs !== null && state.opensAtMs > now)
        assert.ok(state.opensAtMs - now <= 49 * hour, 'a daily window opens within two days')
        assert.equal(windowsAt([given], state.opensAtMs).open, true)
        assert.equal(windowsAt([given], state.opensAtMs - 1).open, false)
      }),
      { numRuns: 300 },
    )
  })
})
