import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import type { DeliveryResult, Style } from '../../../src/cli/view/index.ts'
import { createLiveView } from '../../../src/cli/view/progress/live-view.ts'
import { drawPicture } from '../../../src/cli/view/progress/picture.ts'
import { applyProgress, nameOfStep, startProgress } from '../../../src/cli/view/progress/progress-state.ts'
import { renderSummary } from '../../../src/cli/view/progress/summary.ts'
import type { Progress, StepOutcome } from '../../../src/model/index.ts'
import { Screen } from './screen.ts'
import { commitOf, digest, planned, reasonWith, step } from './shop.ts'

const style: Style = { colour: false, unicode: true, width: 90 }

/** A delivery up to the middle of a rollout, at one event a second. */
const delivery: Progress[] = [
  ...planned,
  { kind: 'step-started', step: 'check:carts/test', environment: null, title: 'check test of carts' },
  { kind: 'step-log', step: 'check:carts/test', line: '  3 tests \u001b[32mpassed\u001b[0m' },
  { kind: 'step-ended', step: 'check:carts/test', environment: null, outcome: 'succeeded', durationMs: 2000 },
  { kind: 'step-started', step: 'build:carts', environment: null, title: 'build carts' },
  { kind: 'step-log', step: 'build:carts', line: 'compiling' },
  { kind: 'built', service: 'carts', artifact: digest('carts'), sizeBytes: 4_200_000 },
  { kind: 'step-ended', step: 'build:carts', environment: null, outcome: 'succeeded', durationMs: 3000 },
  {
    kind: 'deployment-planned',
    environment: 'stage',
    version: 'v1',
    direction: 'forward',
    steps: [
      step('stage/hook:before/migrate', 'hook'),
      step('stage/rollout:carts', 'rollout'),
      step('stage/verify:checkout works', 'verify'),
      step('stage/tag', 'tag'),
    ],
  },
  { kind: 'step-started', step: 'stage/hook:before/migrate', environment: 'stage', title: 'migrate' },
  {
    kind: 'step-ended',
    step: 'stage/hook:before/migrate',
    environment: 'stage',
    outcome: 'succeeded',
    durationMs: 1200,
  },
  { kind: 'step-started', step: 'stage/rollout:carts', environment: 'stage', title: 'roll out carts' },
  {
    kind: 'instances',
    step: 'stage/rollout:carts',
    environment: 'stage',
    service: 'carts',
    ready: 1,
    desired: 2,
    old: 1,
  },
]

const failure: Progress[] = [
  ...delivery,
  { kind: 'step-ended', step: 'stage/rollout:carts', environment: 'stage', outcome: 'succeeded', durationMs: 4000 },
  { kind: 'step-started', step: 'stage/verify:checkout works', environment: 'stage', title: 'verify' },
  { kind: 'step-log', step: 'stage/verify:checkout works', line: 'HTTP/1.1 500' },
  {
    kind: 'step-ended',
    step: 'stage/verify:checkout works',
    environment: 'stage',
    outcome: 'failed',
    durationMs: 900,
    reasons: [reasonWith('verification-failed', 'GET /checkout answered 500, expected 200')],
  },
  {
    kind: 'environment-ended',
    environment: 'stage',
    outcome: 'failed',
    reasons: [reasonWith('rolled-back', 'rolled back to v0')],
  },
]

function stateAfter(events: readonly Progress[]) {
  const state = startProgress(0)
  for (const [index, event] of events.entries()) applyProgress(state, event, index * 1000)
  return state
}

const draw = (events: readonly Progress[], rows = 40, own = style) =>
  drawPicture(stateAfter(events), { nowMs: events.length * 1000, beat: 0 }, own, { title: 'Delivering', rows })

const failed: DeliveryResult = {
  outcome: 'failed',
  release: null,
  commit: commitOf('c0ffee'),
  reasons: [],
  environments: [
    { name: 'stage', outcome: 'failed', reasons: [reasonWith('rolled-back', 'rolled back to v0')], deployment: null },
  ],
}

describe('the live picture', () => {
  test('shows services, environments and their steps on the same columns', () => {
    assert.deepEqual(draw(delivery), [
      'Delivering main c0ffee000000                                                          14 s',
      '',
      '✓ carts                     built 4.2 MB         6.0 s  services/carts/a.ts changed',
      '= email                     reused                      built once at 77aa21c from the sa…',
      '',
      '› stage                     v1                     5 s',
      '  ✓ hook   migrate                               1.2 s',
      '  ⠋ roll   carts            1/2 ●○                 2 s  1 old',
      '  · verify checkout works',
      '',
      '· prod                      next                        main feeds prod',
    ])
  })

  test('shows the way back below what failed, though both roll the same services', () => {
    const back: Progress[] = [
      ...failure.slice(0, -1),
      {
        kind: 'deployment-planned',
        environment: 'stage',
        version: 'v0',
        direction: 'back',
        steps: [step('stage/rollout:carts', 'rollout'), step('stage/verify:checkout works', 'verify')],
      },
      { kind: 'step-started', step: 'stage/rollout:carts', environment: 'stage', title: 'roll out carts' },
    ]
    assert.deepEqual(draw(back).slice(5, 9), [
      '‹ stage                     back                  11 s  v1 failed: going back to v0',
      '  ✗ verify checkout works   failed               0.9 s  GET /checkout answered 500, expec…',
      '  ⠋ roll   carts                                   1 s',
      '  · verify checkout works',
    ])
    const done: Progress = {
      kind: 'step-ended',
      step: 'stage/verify:checkout works',
      environment: 'stage',
      outcome: 'succeeded',
      durationMs: 900,
    }
    const summary = renderSummary(stateAfter([...back, done, ...failure.slice(-1)]), failed, 0, style).join('\n')
    assert.match(summary, /✗ stage {2}v1 failed/)
    assert.match(summary, /✗ stage verify checkout works failed after 0\.9 s\n.*\n.*\n {2}│ HTTP\/1\.1 500/)
  })

  test('shows the last line of a running build in place of its reason', () => {
    const row = draw(delivery.slice(0, 7)).find((line) => line.includes('carts'))
    assert.equal(row, '⠋ carts                     building               5 s  compiling')
  })

  test('says when an errored step is tried again', () => {
    const retrying: Progress = {
      kind: 'retrying',
      step: 'stage/rollout:carts',
      attempt: 1,
      delayMs: 5000,
      message: 'agent did not answer',
    }
    const row = draw([...delivery, retrying]).find((line) => line.includes('roll '))
    assert.match(row ?? '', /◦ roll {3}carts +again in 4 s +3 s {2}agent did not answer/)
  })

  test('folds what is finished and what is to come before it outgrows the screen', () => {
    const low = draw(delivery, 8)
    assert.equal(low.length, 8)
    assert.ok(
      low.some((line) => line.includes('roll   carts')),
      low.join('\n'),
    )
  })

  test('looks the same in ASCII', () => {
    assert.match(draw(delivery, 40, { ...style, unicode: false }).join('\n'), /^[ -~\n]*$/)
  })
})

const names = fc.constantFrom('carts', 'email', 'a-service-with-a-very-long-name-indeed', '買い物かご')
const environments = fc.constantFrom('stage', 'prod')
const outcomes: StepOutcome[] = ['succeeded', 'reused', 'skipped', 'failed', 'errored', 'cancelled']
const anyEvent: fc.Arbitrary<Progress> = fc.oneof(
  fc.constantFrom(...planned),
  fc
    .record({ name: names, text: fc.string({ unit: 'grapheme' }) })
    .map(({ name, text }): Progress => ({ kind: 'step-log', step: `build:${name}`, line: text })),
  names.map((name): Progress => ({ kind: 'step-started', step: `build:${name}`, environment: null, title: name })),
  fc.tuple(environments, names).map(
    ([environment, name]): Progress => ({
      kind: 'step-started',
      step: `${environment}/rollout:${name}`,
      environment,
      title: name,
    }),
  ),
  fc.tuple(environments, names, fc.constantFrom(...outcomes)).map(
    ([environment, name, outcome]): Progress => ({
      kind: 'step-ended',
      step: `${environment}/rollout:${name}`,
      environment,
      outcome,
      durationMs: 1e6,
    }),
  ),
  fc.tuple(environments, fc.array(names), fc.constantFrom('forward' as const, 'back' as const)).map(
    ([environment, list, direction]): Progress => ({
      kind: 'deployment-planned',
      environment,
      version: 'v1',
      direction,
      steps: list.map((name) => step(`${environment}/rollout:${name}`, 'rollout')),
    }),
  ),
  fc.tuple(environments, names, fc.nat(20)).map(
    ([environment, service, desired]): Progress => ({
      kind: 'instances',
      step: `${environment}/rollout:${service}`,
      environment,
      service,
      ready: 1,
      desired,
      old: 1,
    }),
  ),
  fc.string().map((message): Progress => ({ kind: 'note', message })),
  environments.map(
    (environment): Progress => ({
      kind: 'environment-ended',
      environment,
      outcome: 'refused',
      reasons: [reasonWith('x', 'y')],
    }),
  ),
)

test('the picture never has more rows than the screen, nor wider ones, whatever happens', () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 40 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 150 }),
      (events, rows, width) => {
        const lines = draw(events, rows, { ...style, width })
        assert.ok(lines.length <= rows, `${lines.length} rows on ${rows}`)
        for (const line of lines) {
          assert.ok(stringWidth(line) <= width, JSON.stringify(line))
          assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/)
        }
        for (const line of renderSummary(stateAfter(events), failed, 0, { ...style, width }))
          assert.ok(stringWidth(line) <= width)
      },
    ),
    { numRuns: 150 },
  )
})

describe('the summary', () => {
  test('names what was made, how each environment ended, the failing step and the end of its output', () => {
    assert.deepEqual(renderSummary(stateAfter(failure), failed, 20_000, { ...style, width: 60 }), [
      '  built   carts (4.2 MB, 3.0 s)',
      '  reused  email',
      '',
      '✗ stage  v1 failed  9.0 s',
      '         rolled back to v0',
      '         → trunkline log stage',
      '',
      '✗ stage verify checkout works failed after 0.9 s',
      '  GET /checkout answered 500, expected 200',
      '  ╭─ end of its output ─────────────────────────────────────',
      '  │ HTTP/1.1 500',
      '  ╰─',
      '',
      '✗ Failed c0ffee000000 · 20 s',
    ])
  })

  test('says what to do about an environment that waits', () => {
    const waiting: DeliveryResult = {
      ...failed,
      outcome: 'waiting',
      environments: [
        {
          name: 'prod',
          outcome: 'waiting',
          reasons: [reasonWith('awaiting-approval', 'needs 1 approval')],
          deployment: null,
        },
      ],
    }
    assert.deepEqual(renderSummary(startProgress(0), waiting, 5000, style), [
      '◦ prod  waits',
      '        needs 1 approval',
      '        → trunkline approve prod',
      '',
      '◦ Waiting c0ffee000000 · 5.0 s',
    ])
  })
})

test('step ids are read as what they are about', () => {
  assert.deepEqual(nameOfStep('check:carts/test'), { verb: 'check', subject: 'carts', part: 'test' })
  assert.deepEqual(nameOfStep('stage/rollout:carts'), { verb: 'rollout', subject: 'carts', part: null })
  assert.deepEqual(nameOfStep('stage/hook:before/migrate'), { verb: 'hook', subject: 'migrate', part: null })
  assert.deepEqual(nameOfStep('stage/verify:GET http://x/y: 200'), {
    verb: 'verify',
    subject: 'GET http://x/y: 200',
    part: null,
  })
  assert.deepEqual(nameOfStep('stage/tag'), { verb: 'tag', subject: '', part: null })
})

describe('the live view on a terminal', () => {
  function open(columns: number, rows: number) {
    const screen = new Screen(columns, rows)
    let nowMs = 0
    const view = createLiveView({
      // The screen has what the view uses of a terminal's stream.
      stream: screen as unknown as NodeJS.WriteStream,
      environment: { LANG: 'C.UTF-8', NO_COLOR: '1', TERM: 'xterm' },
      clock: { now: () => nowMs },
      title: 'Delivering',
    })
    const show = (events: readonly Progress[]) => {
      for (const event of events) {
        view.show(event)
        nowMs += 1000
      }
    }
    return { screen, view, show }
  }

  test('draws over itself and leaves nothing behind but the summary', () => {
    const { screen, view, show } = open(90, 30)
    show(delivery)
    assert.deepEqual(screen.visible().slice(2, 4), draw(delivery).slice(2, 4))
    show(failure.slice(delivery.length))
    view.end(failed)
    assert.deepEqual(screen.all().slice(0, 5), [
      '  built   carts (4.2 MB, 3.0 s)',
      '  reused  email',
      '',
      '✗ stage  v1 failed  9.0 s',
      '         rolled back to v0',
    ])
    assert.equal(screen.visible().at(-1), '✗ Failed c0ffee000000 · 19 s')
    assert.equal(screen.listenerCount('resize'), 0)
  })

  test('never scrolls a low screen', () => {
    const { screen, view, show } = open(60, 6)
    show(delivery)
    assert.ok(screen.all().length <= 6, screen.all().join('\n'))
    view.end(null)
  })

  test('takes a new size and leaves no remains of the old picture', () => {
    const { screen, view, show } = open(90, 30)
    show(delivery)
    screen.columns = 140
    screen.emit('resize')
    show([{ kind: 'note', message: 'resized' }])
    const headers = screen.all().filter((line) => line.startsWith('Delivering'))
    assert.equal(headers.length, 1)
    assert.equal(stringWidth(headers[0] ?? ''), 140)
    view.end(null)
  })

  test('ignores what comes after its end', () => {
    const { screen, view, show } = open(90, 30)
    view.end(null)
    const before = screen.all()
    show(delivery)
    view.end(failed)
    assert.deepEqual(screen.all(), before)
  })
})
